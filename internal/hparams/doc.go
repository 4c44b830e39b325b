// Package hparams is the table of metadata keys: the hyperparameters and the
// tokenizer of a model, as a GGUF file states them. The converter writes files
// from the table; the converter and the library read and check files by it.
//
// Each key has one row, next to the struct field that holds its value:
//
//	{"rope.freq_base", atLeast(&t.RopeBase, 1)},
//
// The row gives the key's name, the variable, and the bounds. The struct field
// gives the meaning of the number. A reader needs no default: a file that lacks one
// of the keys is refused. Three kinds of rows are exceptions: a [fixed] value is
// written for other programs and never read; an [optional] value is left out
// where the model lacks the part that it describes; and llama.cpp's files lack
// the scales, which follow from sizes there.
//
// # Two forms
//
// One file holds a whole model under the prefix "paligemma.", its tower under
// "paligemma.vision.". llama.cpp's form has two files: the text half under
// "gemma." or "gemma2.", and the projector, which is the tower, under "clip."
// and "clip.vision.". Both forms share the rows of [Text] and [Vision] under
// different prefixes.
//
// To add a key, add a field to Text, Vision or Model and a row to its table, fill
// the field in package convert (hyperparameters.go), and hand it to the tower that
// uses it (ConfigOf in gemma or siglip).
package hparams
