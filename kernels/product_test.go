//go:build cgo

package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testrace"
)

// TestProductAtTileEdges goes over all numbers of rows and columns up to some
// tiles.
func TestProductAtTileEdges(t *testing.T) {
	const mostM, mostN = 66, 26
	ps := pools(t)
	eachProductLevel(t, func(t *testing.T, level Level) {
		eachType(t, func(t *testing.T, typ gguf.Type) {
			r := rand.New(rand.NewPCG(1, uint64(typ)))
			k := max(96, typ.BlockSize())
			if !typ.Quantized() {
				k = 37
			}
			rows := randomRows(t, r, typ, k, mostM)
			x := fill(r, fenced[float32](t, k*mostN))
			for _, precise := range []bool{false, true} {
				if !own(level, typ) || precise && !rounds(level, typ) || !testrace.Chosen(int(level)+int(typ)) {
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
	eachProductLevel(t, func(t *testing.T, level Level) {
		eachType(t, func(t *testing.T, typ gguf.Type) {
			if !own(level, typ) || !testrace.Chosen(int(level)+int(typ)) {
				return
			}
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
	eachProductLevel(t, func(t *testing.T, level Level) {
		eachType(t, func(t *testing.T, typ gguf.Type) {
			if !own(level, typ) || !testrace.Chosen(int(level)+int(typ)) {
				return
			}
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
				w := pack(t, typ, k, m, rows)
				for _, precise := range []bool{false, true} {
					one, oneSize := define(level, typ, precise, m, 1, 1, rows, x[:k])
					many, manySize := define(level, typ, precise, m, len(inputs), len(inputs), rows, x)
					for n := 1; n <= len(inputs); n++ {
						y := newGuarded(t, n, m, m, 0)
						op := Linear{X: addr(x), N: n, Stride: k, Level: level, Threads: 3, Precise: precise,
							Out: []Output{{W: w, Y: y.addr(), Stride: m}}}
						compute(t, ps[n%3], &op)
						want, size := many, manySize
						if n == 1 {
							want, size = one, oneSize
						}
						within(t, y.read(t), want[:n*m], size[:n*m])
					}
				}
			}
		})
	})
}
