package ggml

import "github.com/pgcli/paligemma/internal/door"

// init hands the function Symbols over and does nothing else. Package bindings
// calls it when a program opens its engine.
func init() {
	door.Register(door.BuiltIn{
		Symbols: Symbols,
		Name:    "llama.cpp " + Commit + " (" + Module + " " + Version + ")",
		Version: Version,
	})
}
