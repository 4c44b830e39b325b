//go:build cgo

package ggml

import (
	// Compiles ggml's core and CPU backend.
	_ "github.com/ollama/ollama/ml/backend/ggml/ggml/src"
)

//go:generate go run ./internal/gensymbols ../bindings/symbols.go symbols.go

// #cgo LDFLAGS: -lm
// #cgo linux LDFLAGS: -lrt -lpthread -ldl -lstdc++
import "C"

// Symbols returns the address of each function of ggml that package bindings
// calls, by its C name; nil without cgo. Each call makes a new map.
func Symbols() map[string]uintptr {
	m := make(map[string]uintptr, symbolCount)
	for i := range symbolCount {
		name, addr := symbolAt(i)
		m[name] = addr
	}
	return m
}
