//go:build cgo && !asan && !tsan

// Without the sanitizer, which would compile ggml too.

package kernels

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// openGGML returns the engine's CPU.
func openGGML(t *testing.T) bindings.Device {
	lib, err := bindings.Open("")
	if err != nil {
		if os.Getenv("PALIGEMMA_REQUIRE_ENGINE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dev, err := lib.CPU()
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

// ggml computes op of rows of k of a type and of x [k, n], with one thread.
func ggml(t *testing.T, dev bindings.Device, typ gguf.Type, k int, rows []byte, x []float32, op func(c *bindings.Context, w, x bindings.Tensor) bindings.Tensor) []float32 {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, err := dev.Lib().NewContext(4, 1)
	check(err)
	defer ctx.Close()
	w := ctx.New(typ, int64(k), int64(len(rows)/typ.RowBytes(k)))
	in := ctx.New(gguf.F32, int64(k), int64(len(x)/k))
	out := op(ctx, w, in)
	graph := ctx.NewGraph(4)
	graph.Expand(out)
	buffer, err := ctx.AllocAll(dev.BufferType())
	check(err)
	defer buffer.Close()
	back, err := dev.NewBackend(1)
	check(err)
	defer back.Close()
	check(bindings.Set(w, 0, rows))
	check(bindings.Set(in, 0, x))
	if status := back.Compute(graph); status != bindings.Success {
		t.Fatal(status)
	}
	y := make([]float32, out.Bytes()/4)
	check(bindings.Get(out, 0, y))
	return y
}

// eachGGMLType runs f for each type that package bindings knows too.
func eachGGMLType(t *testing.T, f func(t *testing.T, typ gguf.Type)) {
	eachType(t, func(t *testing.T, typ gguf.Type) {
		if !bindings.Known(typ) {
			t.Skip("not a type of package bindings")
		}
		f(t, typ)
	})
}

// TestDefinitionsReadWeightsAsGGML compares the values of weights with ggml's, to
// the rounding of its float32.
func TestDefinitionsReadWeightsAsGGML(t *testing.T) {
	dev := openGGML(t)
	eachGGMLType(t, func(t *testing.T, typ gguf.Type) {
		const k, m = 512, 7
		rows := randomRows(t, rand.New(rand.NewPCG(7, uint64(typ))), typ, k, m)
		got := ggml(t, dev, typ, k, rows, make([]float32, k), func(c *bindings.Context, w, _ bindings.Tensor) bindings.Tensor {
			return c.Cast(w, gguf.F32)
		})
		want := weights(typ, rows)
		if len(got) != len(want) {
			t.Fatalf("%d values, ggml has %d", len(want), len(got))
		}
		for i, w := range want {
			if math.Abs(float64(got[i])-w.value) > 0x1p-22*w.size {
				t.Fatalf("value %d is %v, ggml reads %v", i, w.value, got[i])
			}
		}
	})
}

// TestProductIsAsAccurateAsGGML compares the errors of products with those of
// ggml's products of the same weights. Some channels of activations and weights
// are much larger than the rest: 8 of 1024 are 20 times as large, or, for scales
// that are integers, one of activations 1000 times and another of weights 10
// times.
func TestProductIsAsAccurateAsGGML(t *testing.T) {
	dev, ps := openGGML(t), pools(t)
	eachGGMLType(t, func(t *testing.T, typ gguf.Type) {
		const k, m, n = 1024, 96, 12
		for name, large := range map[string]struct {
			every, x, w    int // how many channels apart, and which of these
			timesX, timesW float32
		}{
			"some":    {128, 77, 0, 20, 1},
			"massive": {k, 77, 0, 1000, 1},
			"both":    {k, 77, 300, 300, 10},
		} {
			t.Run(name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(8, uint64(typ)))
				rows := make([]byte, typ.RowBytes(k)*m)
				values, x := fill(r, make([]float32, k*m)), fill(r, make([]float32, k*n))
				for i := range values {
					if i%large.every == large.w {
						values[i] *= large.timesW
					}
				}
				for i := range x {
					if i%large.every == large.x {
						x[i] *= large.timesX
					}
				}
				if typ == gguf.F32 {
					rows = randomRows(t, r, typ, k, m)
				} else if err := dev.Lib().Quantize(typ, rows, values, k); err != nil {
					t.Fatal(err)
				}
				want, _ := linear(m, n, weights(typ, rows), exact(x))
				theirs := relative(ggml(t, dev, typ, k, rows, x, (*bindings.Context).MulMat), want)
				eachProductLevel(t, func(t *testing.T, level Level) {
					for _, precise := range []bool{false, true} {
						if !own(level, typ) {
							continue
						}
						y := newGuarded(t, n, m, m, 0)
						op := Linear{X: addr(x), N: n, Stride: k, Level: level, Threads: 3, Precise: precise,
							Out: []Output{{W: pack(t, typ, k, m, rows), Y: y.addr(), Stride: m}}}
						compute(t, ps[0], &op)
						// Two roundings of equal size differ by chance.
						ours, most := relative(y.read(t), want), 1.03*theirs
						if precise && rounds(level, typ) {
							most = theirs / 50
						}
						if !(ours <= max(most, 1e-6)) {
							t.Errorf("precise=%t: error %.3g, ggml's is %.3g", precise, ours, theirs)
						}
						t.Logf("precise=%t: error %.3g, ggml's is %.3g", precise, ours, theirs)
					}
				})
			})
		}
	})
}

// relative returns the norm of the difference, relative to the norm of want.
func relative(got []float32, want []float64) float64 {
	var diff, norm float64
	for i, w := range want {
		diff += (float64(got[i]) - w) * (float64(got[i]) - w)
		norm += w * w
	}
	return math.Sqrt(diff / norm)
}
