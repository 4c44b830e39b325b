//go:build !cgo

package ggml

import "testing"

func TestSymbolsWithoutCgo(t *testing.T) {
	if m := Symbols(); m != nil {
		t.Errorf("a build without cgo has %d symbols", len(m))
	}
}
