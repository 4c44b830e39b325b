//go:build cgo

package kernels

import (
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// eachType runs f for each type that is packed.
func eachType(t *testing.T, f func(t *testing.T, typ gguf.Type)) {
	for _, typ := range slices.Sorted(maps.Keys(definitions)) {
		t.Run(typ.String(), func(t *testing.T) { f(t, typ) })
	}
}

// randomRows returns m rows of k random weights of a type: all bits of quants
// are random, scales and floats are between 2^-7 and 2^-5.
func randomRows(t testing.TB, r *rand.Rand, typ gguf.Type, k, m int) []byte {
	block := typ.BlockBytes()
	rows := fenced[byte](t, typ.RowBytes(k)*m)
	for i := range rows {
		rows[i] = byte(r.Uint32())
	}
	for i := 0; i < len(rows); i += block {
		for _, at := range definitions[typ].scales {
			binary.LittleEndian.PutUint16(rows[i+at:], uint16(0x2000+r.IntN(0x800)))
		}
		sign := uint16(r.IntN(2) << 15)
		if typ == gguf.Q4_0 { // whose scales may be negative, or 0
			scale := sign | uint16(0x2000+r.IntN(0x800))
			if r.IntN(50) == 0 {
				scale = 0
			}
			binary.LittleEndian.PutUint16(rows[i:], scale)
		}
		switch typ {
		case gguf.F16:
			binary.LittleEndian.PutUint16(rows[i:], sign|uint16(0x2000+r.IntN(0x800)))
		case gguf.BF16:
			binary.LittleEndian.PutUint16(rows[i:], sign|uint16(0x3c00+r.IntN(0x100)))
		case gguf.F32:
			binary.LittleEndian.PutUint32(rows[i:], uint32(sign)<<16|uint32(0x3c000000+r.IntN(0x1000000)))
		}
	}
	return rows
}

// steps returns the largest step that activations are rounded to for a type of
// weights, 0 if they are not rounded.
func steps(level Level, typ gguf.Type, precise bool) float32 {
	switch {
	case !typ.Quantized():
		return 0
	case precise, level == AVX2 && (typ == gguf.Q8_0 || typ == gguf.IQ4_NL || typ == gguf.IQ4_XS):
		return 32767
	}
	return 127
}

// own reports whether a level multiplies one of these types by code of its own.
func own(level Level, types ...gguf.Type) bool {
	return !level.BFloats() || slices.Contains(types, gguf.BF16)
}

// rounds reports whether products at a level that are not precise differ from those
// that are.
func rounds(level Level, typ gguf.Type) bool {
	return steps(level, typ, true) != steps(level, typ, false) || typ == gguf.BF16 && level.BFloats()
}

func exact(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// acts returns activations as a level rounds them for a call of n columns.
func acts(level Level, typ gguf.Type, precise bool, n int, x []float32) []float64 {
	if typ == gguf.BF16 && level.BFloats() && !precise && n > 1 {
		return bfloats(x)
	}
	if most := steps(level, typ, precise); most > 0 {
		return rounded(x, most)
	}
	return exact(x)
}

// define defines the product of m rows of a type and n columns at a level, if the
// call has as many columns as together says.
func define(level Level, typ gguf.Type, precise bool, m, n, together int, rows []byte, x []float32) (y, size []float64) {
	if shift := fixedShift(level, typ, precise); shift >= 0 && together > 1 {
		return fixedLinear(m, n, weights(typ, rows), shift, x)
	}
	return linear(m, n, weights(typ, rows), acts(level, typ, precise, together, x))
}

// fixedShift returns the shift of a level's products with integer scales, -1 if a
// type has no such products.
func fixedShift(level Level, typ gguf.Type, precise bool) int {
	f, ok := fixedTypes[typ]
	switch {
	case !ok, precise, level == NEON, level == NEONI8MM, level == AVX2 && f.shift != 0:
		return -1
	}
	return f.shift
}

// pack packs a matrix into memory whose end is guarded.
func pack(t testing.TB, typ gguf.Type, k, m int, rows []byte) Matrix {
	t.Helper()
	if !Packable(typ, k, m) {
		t.Fatalf("%v of %d columns cannot be packed", typ, k)
	}
	w := Matrix{Type: typ, K: k, M: m, Packed: Memory(fenced[byte](t, PackedBytes(typ, k, m)))}
	for i := range Panels(m) { // one after the other, as threads may
		w.Pack(rows, i, i+1)
	}
	return w
}

// compute computes op with scratch memory whose end is guarded.
func compute(t testing.TB, p *Pool, op Op) {
	t.Helper()
	p.run(op, Memory(fenced[byte](t, op.Scratch())))
}

// within fails unless got is want to the rounding of float32: 2^-20 of the sum
// of the terms' sizes.
func within(t testing.TB, got []float32, want, size []float64) {
	t.Helper()
	for i, w := range want {
		g := float64(got[i])
		if w-w != 0 && g-g != 0 {
			continue // neither is finite
		}
		if !(math.Abs(g-w) <= size[i]*0x1p-20) {
			t.Fatalf("value %d of %d is %v, want %v to %.2g", i, len(want), g, w, size[i]*0x1p-20)
		}
	}
}

// columns returns m of the all rows of the first n columns.
func columns(y []float64, all, m, n int) []float64 {
	var part []float64
	for j := range n {
		part = append(part, y[j*all:][:m]...)
	}
	return part
}
