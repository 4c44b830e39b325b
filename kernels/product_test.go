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

func exact(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// acts returns activations as a level rounds them.
func acts(level Level, typ gguf.Type, precise bool, x []float32) []float64 {
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
	return linear(m, n, weights(typ, rows), acts(level, typ, precise, x))
}

// fixedShift returns the shift of a level's products with integer scales, -1 if a
// type has no such products.
func fixedShift(level Level, typ gguf.Type, precise bool) int {
	f, ok := fixedTypes[typ]
	switch {
	case !ok, precise, level == NEON, level == NEONI8MM, level == AVX2 && typ != gguf.Q4_0:
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

// TestProductAtTileEdges goes over all numbers of rows and columns up to some
// tiles.
func TestProductAtTileEdges(t *testing.T) {
	const mostM, mostN = 66, 26
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		eachType(t, func(t *testing.T, typ gguf.Type) {
			r := rand.New(rand.NewPCG(1, uint64(typ)))
			k := max(96, typ.BlockSize())
			if !typ.Quantized() {
				k = 37
			}
			rows := randomRows(t, r, typ, k, mostM)
			x := fill(r, fenced[float32](t, k*mostN))
			for _, precise := range []bool{false, true} {
				if precise && steps(level, typ, true) == steps(level, typ, false) {
					continue
				}
				one, oneSize := define(level, typ, precise, mostM, mostN, 1, rows, x)
				many, manySize := define(level, typ, precise, mostM, mostN, mostN, rows, x)
				for m := 1; m <= mostM; m++ {
					w := pack(t, typ, k, m, rows[:len(rows)/mostM*m])
					for n := 1; n <= mostN; n++ {
						// The edges of tiles with each n, other m with some n, the precise form
						// with fewer.
						if m%32 > 2 && n%5 != m%5 || precise && (m > 2 && m != 33 && m%7 != n%7) {
							continue
						}
						y := newGuarded(t, n, m, m+n%3, m%4)
						op := Linear{X: addr(x), N: n, Stride: k, Precise: precise, Level: level, Threads: 3,
							Out: []Output{{W: w, Y: y.addr(), Stride: y.step}}}
						compute(t, ps[(m+n)%3], &op)
						want, size := many, manySize
						if n == 1 {
							want, size = one, oneSize
						}
						within(t, y.read(t), columns(want, mostM, m, n), columns(size, mostM, m, n))
						if t.Failed() {
							t.Fatalf("m=%d n=%d precise=%t", m, n, precise)
						}
					}
				}
			}
		})
	})
}

// TestProductOfManyChunksAndPieces has several chunks of columns, the last one
// partial, and enough columns of x for several pieces, or enough rows for several
// groups of panels.
func TestProductOfManyChunksAndPieces(t *testing.T) {
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		eachType(t, func(t *testing.T, typ gguf.Type) {
			r := rand.New(rand.NewPCG(2, uint64(typ)))
			for _, s := range []struct{ m, n, k int }{{40, 1, 1536 + 256}, {40, 5, 1024 + 256}, {100, 301, 512 + 256}, {300, 80, 512 + 256}} {
				k := s.k
				if typ.BlockSize() == 32 {
					k += 32
				}
				rows := randomRows(t, r, typ, k, s.m)
				x := fill(r, fenced[float32](t, k*s.n))
				w := pack(t, typ, k, s.m, rows)
				want, size := define(level, typ, false, s.m, s.n, s.n, rows, x)
				var first []float32
				for _, p := range ps {
					y := newGuarded(t, s.n, s.m, s.m, 0)
					op := Linear{X: addr(x), N: s.n, Stride: k, Level: level, Threads: p.Threads(),
						Out: []Output{{W: w, Y: y.addr(), Stride: y.step}}}
					compute(t, p, &op)
					got := y.read(t)
					within(t, got, want, size)
					if first == nil {
						first = got
					}
					same(t, first, got)
				}
			}
		})
	})
}

// TestProductOfMixedTypes computes three matrices of different types on one x,
// with biases.
func TestProductOfMixedTypes(t *testing.T) {
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		for _, types := range [][]gguf.Type{{gguf.Q4_K, gguf.Q4_K, gguf.Q6_K}, {gguf.Q8_0, gguf.Q4_0, gguf.F16}, {gguf.Q2_K, gguf.IQ4_XS, gguf.Q5_K}} {
			for _, n := range []int{1, 3, 9, 100} {
				r := rand.New(rand.NewPCG(3, uint64(n)))
				const k = 512
				x := fill(r, fenced[float32](t, (k+5)*n))
				op := Linear{X: addr(x), N: n, Stride: k + 5, Level: level, Threads: 3}
				var ys []*guardedRows
				var want, size [][]float64
				for i, typ := range types {
					m := []int{70, 32, 5}[i]
					rows := randomRows(t, r, typ, k, m)
					bias := fill(r, fenced[float32](t, m))
					y := newGuarded(t, n, m, m+1, 1)
					op.Out = append(op.Out, Output{W: pack(t, typ, k, m, rows), Bias: addr(bias), Y: y.addr(), Stride: y.step})
					var in []float32
					for j := range n {
						in = append(in, x[j*(k+5):][:k]...)
					}
					w, s := define(level, typ, false, m, n, n, rows, in)
					for l := range w {
						w[l] += float64(bias[l%m])
						s[l] += math.Abs(float64(bias[l%m]))
					}
					ys, want, size = append(ys, y), append(want, w), append(size, s)
				}
				compute(t, ps[n%3], &op)
				for i, y := range ys {
					within(t, y.read(t), want[i], size[i])
				}
			}
		}
	})
}

// TestEpiloguesKeepDigits compares GELU and GeGLU with their definition, applied
// to the plain product, so that only their own error counts: some units in the
// last place, and two of the exponent 2u of the exponential in them.
func TestEpiloguesKeepDigits(t *testing.T) {
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		r := rand.New(rand.NewPCG(4, 4))
		const k, m, n = 64, 45, 60
		rows := [2][]byte{randomRows(t, r, gguf.F32, k, m), randomRows(t, r, gguf.F32, k, m)}
		x := fill(r, fenced[float32](t, k*n))
		for i := range x {
			x[i] *= float32(math.Ldexp(1, 10-i/k%24)) // tiny to large results
		}
		bias := fill(r, fenced[float32](t, 2*m))
		product := func(epilogue Epilogue, which ...int) []float32 {
			op := Linear{X: addr(x), N: n, Stride: k, Level: level, Threads: 3, Epilogue: epilogue}
			y := newGuarded(t, n, m, m, 2)
			for _, i := range which {
				op.Out = append(op.Out, Output{W: pack(t, gguf.F32, k, m, rows[i]), Bias: addr(bias[i*m:]), Y: y.addr(), Stride: m})
			}
			compute(t, ps[1], &op)
			return y.read(t)
		}
		plain, other := product(Plain, 0), product(Plain, 1)
		for _, c := range []struct {
			name string
			got  []float32
			want func(i int) float64
		}{
			{"gelu", product(GELU, 0), func(i int) float64 { return gelu(float64(plain[i])) }},
			{"geglu", product(GeGLU, 0, 1), func(i int) float64 { return gelu(float64(plain[i])) * float64(other[i]) }},
		} {
			worst := 0.0
			for i, g := range c.got {
				w := c.want(i)
				if math.Abs(w) < 1e-34 {
					if !(math.Abs(float64(g)) < 1e-30) {
						t.Fatalf("%s of %v, %v is %v, want %v", c.name, plain[i], other[i], g, w)
					}
					continue
				}
				x := math.Abs(float64(plain[i]))
				exponent := 2 * math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
				worst = max(worst, math.Abs(float64(g)-w)/math.Abs(w)/(4e-7+0x1p-22*exponent))
			}
			if !(worst <= 1) {
				t.Errorf("%s: error is %.2g of what is allowed", c.name, worst)
			}
		}
	})
}

// TestProductDoesNotOverflow has the largest quants and activations, whose sums
// come nearest to the limits of their integers, tiny and huge scales, and
// infinities and NaN, which must show in their own columns only.
func TestProductDoesNotOverflow(t *testing.T) {
	ps := pools(t)
	inf := float32(math.Inf(1))
	eachLevel(t, func(t *testing.T, level Level) {
		eachType(t, func(t *testing.T, typ gguf.Type) {
			const k, m = 512, 35
			for _, fillByte := range []byte{0x00, 0x7f, 0x80, 0xff} {
				rows := randomRows(t, rand.New(rand.NewPCG(5, 5)), typ, k, m)
				for i := range rows {
					scale := slices.ContainsFunc(definitions[typ].scales, func(at int) bool { return i%typ.BlockBytes()/2*2 == at })
					if typ.Quantized() && !scale {
						rows[i] = fillByte
					}
				}
				inputs := [][]float32{{1}, {-1}, {1, -1}, {1e-38}, {1e-25, 1e-26}, {1e20, -2e20, 1}, {0}, {1, 1, 1, inf}, {float32(math.NaN()), 2}, {-inf, 3}}
				x := fenced[float32](t, k*len(inputs))
				for i := range x {
					x[i] = inputs[i/k][i%k%len(inputs[i/k])]
				}
				for _, precise := range []bool{false, true} {
					for n := 1; n <= len(inputs); n++ {
						want, size := define(level, typ, precise, m, n, n, rows, x[:k*n])
						y := newGuarded(t, n, m, m, 0)
						op := Linear{X: addr(x), N: n, Stride: k, Level: level, Threads: 3, Precise: precise,
							Out: []Output{{W: pack(t, typ, k, m, rows), Y: y.addr(), Stride: m}}}
						compute(t, ps[n%3], &op)
						within(t, y.read(t), want, size)
					}
				}
			}
		})
	})
}

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
