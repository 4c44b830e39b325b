// Package ggml is the built-in door: it compiles a pinned ggml into the
// program that imports it, as a database driver is imported for its effect.
//
//	import _ "github.com/pgcli/paligemma/ggml"
//
// Programs import this package, libraries do not: no other package of this
// module does, so that a program without the import neither compiles ggml nor
// links the module that carries it. Such a program needs a ggml as a shared
// library.
//
// That module (see [Module]) carries ggml as Go packages: with cgo, importing
// them compiles the CPU backend, and Metal on darwin/arm64. Nothing of ggml is
// copied here. With CGO_ENABLED=0 the import has no effect but to say so in
// errors.
package ggml

// The ggml that is built in. The module carries no version of ggml itself,
// only the llama.cpp commit that it was taken from.
const (
	Module  = "github.com/ollama/ollama"
	Version = "v0.17.4"
	Commit  = "ec98e2002"

	// Source is where ggml lies inside the module's folder.
	Source = "ml/backend/ggml/ggml"
)
