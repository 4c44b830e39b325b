//go:build cgo

package kernels

import (
	"math"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// TestTypesAgreeWithFiles guards against a type whose number, block or bytes in
// pack.h are not those of files, and against a type that only C or only the
// definitions have.
func TestTypesAgreeWithFiles(t *testing.T) {
	for typ := range gguf.Type(256) {
		columns, bytes := blockOf(typ)
		if _, defined := definitions[typ]; defined != (columns > 0) {
			t.Errorf("%v: in definitions %t, in pack.h %t", typ, defined, columns > 0)
		}
		if columns > 0 && (columns != typ.BlockSize() || bytes != typ.BlockBytes()) {
			t.Errorf("%v: pack.h has blocks of %d in %d bytes, files have %d in %d",
				typ, columns, bytes, typ.BlockSize(), typ.BlockBytes())
		}
	}
}

// TestUnpackableIsRefused asks for types and shapes that cannot be packed, and
// for some that can.
func TestUnpackableIsRefused(t *testing.T) {
	for _, c := range []struct {
		typ  gguf.Type
		k, m int
		want bool
	}{
		{gguf.Q8_0, 32, 1, true}, {gguf.Q8_0, 33, 1, false}, {gguf.Q4_K, 256, 5, true}, {gguf.Q4_K, 128, 5, false},
		{gguf.F16, 1, 1, true}, {gguf.F16, 0, 1, false}, {gguf.F16, 1, 0, false}, {gguf.F16, -1, 1, false},
		{gguf.I32, 32, 32, false}, {9999, 32, 32, false}, {math.MaxUint32, 32, 32, false},
	} {
		if got := Packable(c.typ, c.k, c.m); got != c.want {
			t.Errorf("Packable(%d, %d, %d) = %t, want %t", c.typ, c.k, c.m, got, c.want)
		}
	}
}

// TestPackedIsHardlyLarger bounds how much larger packed weights are than ggml's.
func TestPackedIsHardlyLarger(t *testing.T) {
	for typ := range definitions {
		ggml := typ.RowBytes(1024) * 64
		if got := PackedBytes(typ, 1024, 64); got < ggml || float64(got) > 1.04*float64(ggml) {
			t.Errorf("%v: %d bytes packed, %d in ggml's layout", typ, got, ggml)
		}
	}
}
