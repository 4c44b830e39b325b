//go:build !cgo

package ggml

// Symbols returns nil: a build without cgo has no ggml inside.
func Symbols() map[string]uintptr { return nil }
