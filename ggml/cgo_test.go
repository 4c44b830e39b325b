//go:build cgo

package ggml

import (
	"strings"
	"testing"
)

func TestSymbols(t *testing.T) {
	m := Symbols()
	if len(m) != symbolCount {
		t.Errorf("%d symbols, want %d: a name occurs twice", len(m), symbolCount)
	}
	for name, addr := range m {
		if addr == 0 || !strings.HasPrefix(name, "ggml_") {
			t.Errorf("symbol %q has address %#x", name, addr)
		}
	}
	delete(m, "ggml_init")
	if Symbols()["ggml_init"] == 0 {
		t.Error("a caller can change the table of the next one")
	}
}
