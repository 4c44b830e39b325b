//go:build !cgo

package ggml

// Symbols returns nil: this build has no ggml inside.
func Symbols() map[string]uintptr { return nil }
