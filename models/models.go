// Package models carries a PaliGemma small enough to come with a program: it
// knows drawn shapes and short words (scripts/tiny says which). Importing it adds
// the model's size to the program; package paligemma does not import it.
package models

import _ "embed"

//go:embed tiny.gguf
var tiny []byte

// Tiny returns the model's GGUF file, for paligemma.New. It must not be changed.
func Tiny() []byte { return tiny }
