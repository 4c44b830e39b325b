// Package ggml is the engine's pin: which ggml the program is built with, and
// the built-in door to it.
//
// ggml comes from a Go module (see Module), which carries it as Go packages:
// with cgo, importing them compiles the CPU backend, and Metal on
// darwin/arm64. Nothing of ggml is copied here. Symbols hands out the
// addresses of its C functions; package bindings calls them.
//
// With CGO_ENABLED=0 the door is closed: Symbols returns nil, and an engine
// must come from a shared library.
package ggml

// Which ggml is built in. The module carries no version of ggml itself, only
// the llama.cpp commit that it was taken from.
const (
	Module  = "github.com/ollama/ollama"
	Version = "v0.17.4"
	Commit  = "ec98e2002"

	// Source is where ggml lies inside the module's folder.
	Source = "ml/backend/ggml/ggml"
)
