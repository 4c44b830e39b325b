// Package models carries a PaliGemma small enough to come with a program: it
// knows drawn shapes and short words (scripts/tiny says which). Importing it adds
// the model's size to the program; package paligemma does not import it.
package models

import (
	"embed"
	"fmt"
)

// The pattern also matches this file, so that the module builds without the
// model.
//
//go:embed *.g*
var files embed.FS

// Tiny returns a copy of the model's GGUF file, for paligemma.New.
func Tiny() ([]byte, error) {
	file, err := files.ReadFile("tiny.gguf")
	if err != nil {
		return nil, fmt.Errorf("models: this build has no model inside: models/tiny.gguf was missing")
	}
	return file, nil
}
