// Package models holds a PaliGemma small enough to be part of a program. It knows
// drawn shapes and short words, which scripts/tiny draws. Importing the package adds
// the model's 8.6 MB to the program; package paligemma does not import it.
package models

import _ "embed"

//go:embed tiny.gguf
var tiny []byte

// Tiny returns the model's GGUF file, for paligemma.New. All calls return the same
// bytes: do not change them.
func Tiny() []byte { return tiny }
