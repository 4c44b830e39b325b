package paligemma

import (
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// TestTypesAgree compares the two tables of element types: that of files and
// that of the engine, which bindings.Open compares with ggml's own.
func TestTypesAgree(t *testing.T) {
	known := 0
	for n := range bindings.Type(64) {
		if !n.Known() {
			continue
		}
		known++
		f := gguf.Type(n)
		if !f.Valid() || f.BlockSize() != n.Block() || f.BlockBytes() != n.BlockBytes() || f.String() != n.String() {
			t.Errorf("type %d is %v, %d in %d bytes, in a file, and %v, %d in %d bytes, in the engine",
				n, f, f.BlockSize(), f.BlockBytes(), n, n.Block(), n.BlockBytes())
		}
	}
	if known == 0 {
		t.Error("the engine knows no type")
	}
}
