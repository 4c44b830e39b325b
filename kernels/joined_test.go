//go:build cgo

package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testrace"
)

// TestJoinedProductEqualsItsParts compares products with a norm before and a sum
// after them with the separate kernels, bit for bit.
func TestJoinedProductEqualsItsParts(t *testing.T) {
	ps := pools(t)
	eachProductLevel(t, func(t *testing.T, level Level) {
		for _, typ := range []gguf.Type{gguf.Q8_0, gguf.Q4_0, gguf.Q6_K, gguf.F16, gguf.BF16} {
			if !own(level, typ) {
				continue
			}
			for _, n := range []int{1, 2, 7, 100} {
				for which, epilogue := range []Epilogue{Plain, GELU, GeGLU, Plain} {
					r := rand.New(rand.NewPCG(6, uint64(n)))
					const k, m = 768, 45
					x, residual := fill(r, fenced[float32](t, (k+3)*n)), fill(r, fenced[float32](t, (m+2)*n-2))
					norm := Norm{W: addr(fill(r, fenced[float32](t, k))), Eps: 1e-6, Centered: which%2 == 0}
					if norm.Centered {
						norm.B = addr(fill(r, fenced[float32](t, k)))
					}
					var out []Output
					var ys []*guardedRows
					for i := range []int{1, 1, 2, 3}[which] { // the last with three results
						y := newGuarded(t, n, m, m+1, i)
						bias := fill(r, fenced[float32](t, m))
						out = append(out, Output{W: pack(t, typ, k, m, randomRows(t, r, typ, k, m)), Bias: addr(bias), Y: y.addr(), Stride: y.step})
						if epilogue != GeGLU || i == 0 {
							ys = append(ys, y)
						}
					}
					joined := Linear{X: addr(x), N: n, Stride: k + 3, Norm: &norm, Residual: addr(residual), ResidualStride: m + 2,
						Out: out, Epilogue: epilogue, Level: level, Threads: 3}
					compute(t, ps[(n+1)%3], &joined)
					var got [][]float32
					for _, y := range ys {
						got = append(got, y.read(t))
					}

					normed := fenced[float32](t, k*n)
					apart := norm
					apart.Size, apart.Columns, apart.X, apart.XStep, apart.Out, apart.OutStep, apart.Level = k, n, addr(x), k+3, addr(normed), k, level
					compute(t, ps[n%3], &apart)
					linear := Linear{X: addr(normed), N: n, Stride: k, Out: out, Epilogue: epilogue, Level: level, Threads: 3}
					compute(t, ps[n%3], &linear)
					for i, y := range ys {
						want := y.read(t)
						for j := range want {
							if i == 0 {
								want[j] += residual[j/m*(m+2)+j%m]
							}
						}
						same(t, got[i], want)
					}
				}
			}
		}
	})
}

// TestMLPEqualsTwoProducts compares an MLP with its two products, bit for bit:
// activations that are rounded between them, and all norms, epilogues and
// residuals.
func TestMLPEqualsTwoProducts(t *testing.T) {
	ps := pools(t)
	types := [][2]gguf.Type{{gguf.Q8_0, gguf.Q8_0}, {gguf.Q4_0, gguf.Q4_0}, {gguf.Q4_0, gguf.Q6_K}, {gguf.Q4_K, gguf.Q5_1}, {gguf.Q8_0, gguf.IQ4_XS}, {gguf.F16, gguf.BF16}, {gguf.BF16, gguf.BF16}, {gguf.Q4_0, gguf.F16}, {gguf.F32, gguf.Q4_0}}
	eachProductLevel(t, func(t *testing.T, level Level) {
		for i, typ := range types {
			if !own(level, typ[:]...) || !testrace.Chosen(int(level)+i) {
				continue
			}
			for _, n := range []int{1, 2, 3, 5, 13, 100, 301} {
				r := rand.New(rand.NewPCG(9, uint64(n)))
				const in, out = 256, 70
				hidden := 1024 + 32*3 // chunks of an odd number of blocks, and a short one
				if typ[1].BlockSize() == 256 {
					hidden = 1024 + 256
				} else if !typ[1].Quantized() {
					hidden = 150
				}
				x, residual := fill(r, fenced[float32](t, in*n)), fill(r, fenced[float32](t, out*n))
				if i%2 == 0 {
					x[in*n/2] = float32(math.Inf(1)) // which must show in its own column only
				}
				norm := Norm{W: addr(fill(r, fenced[float32](t, in))), Eps: 1e-6}
				matrix := func(typ gguf.Type, k, m int) Output {
					return Output{W: pack(t, typ, k, m, randomRows(t, r, typ, k, m)), Bias: addr(fill(r, fenced[float32](t, m)))}
				}
				up := Linear{X: addr(x), N: n, Stride: in, Norm: &norm, Epilogue: GeGLU, Precise: i == 1, Level: level, Threads: 3,
					Out: []Output{matrix(typ[0], in, hidden), matrix(typ[0], in, hidden)}}
				if n%2 == 0 {
					up.Epilogue, up.Out = GELU, up.Out[:1]
				}
				y := newGuarded(t, n, out, out+1, 1)
				last := matrix(typ[1], hidden, out)
				last.Y, last.Stride = y.addr(), y.step
				down := Linear{N: n, Residual: addr(residual), ResidualStride: out, Out: []Output{last}, Precise: up.Precise, Level: level, Threads: 3}
				compute(t, ps[n%3], &MLP{Up: up, Down: down})
				got := y.read(t)

				between := fenced[float32](t, hidden*n)
				up.Out[0].Y, up.Out[0].Stride = addr(between), hidden
				down.X, down.Stride = addr(between), hidden
				compute(t, ps[1], &up)
				compute(t, ps[1], &down)
				for j, want := range y.read(t) {
					if g := got[j]; g != want && (g == g || want == want) {
						t.Fatalf("%v, %v, %d columns: value %d is %v, want %v", typ[0], typ[1], n, j, g, want)
					}
				}
			}
		}
	})
}
