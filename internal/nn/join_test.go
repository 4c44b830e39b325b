package nn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// A block as both towers have them, whose norms and sums can be joined with
// products, and where they must not: what is read twice stays.
func joinable(g *Graph, w Weights, x Tensor) []Tensor {
	a, b, c := w.Linear("a", layerIn, layerIn, true), w.Linear("b", layerIn, layerIn, false), w.Linear("c", layerIn, layerIn, false)
	layer := LayerNorm{W: w.Get("w", layerIn), B: w.Get("a.bias", layerIn), Eps: 1e-6}
	rms := RMSNorm{W: w.Get("w", layerIn), Eps: 1e-6}

	y := g.Tap("first", a.Forward(g, layer.Forward(g, x)))
	x = g.Add(x, y)
	y = g.Tap("second", c.Forward(g, GeGLU(g, a, b, rms.Forward(g, x))))
	x = g.Add(y, x)
	x = g.Add(x, rms.Forward(g, b.Forward(g, x))) // as Gemma 2 norms a branch's end

	norm := layer.Forward(g, x)
	twice := g.Add(norm, b.Forward(g, norm))
	product := a.GELU(g, twice)
	sum := g.Add(product, g.Add(product, twice))
	return []Tensor{x, twice, product, sum, c.Forward(g, x)}
}

// TestJoined compares graphs whose nodes are joined with the same computed node
// by node, as they are when they are traced: they are equal bit for bit.
func TestJoined(t *testing.T) {
	eachLevel(t, func(t *testing.T, dev bindings.Device, level kernels.Level) {
		r := rand.New(rand.NewPCG(8, 8))
		var specs []Spec
		var file []byte
		add := func(name string, shape ...int) {
			n := 1
			for _, d := range shape {
				n *= d
			}
			specs = append(specs, Spec{Name: name, Type: gguf.F32, Shape: shape, Offset: len(file), Product: len(shape) == 2})
			file = append(file, raw32(normal(r, n))...)
			file = append(file, make([]byte, -len(file)&4095)...)
		}
		for _, name := range []string{"a.weight", "b.weight", "c.weight"} {
			add(name, layerIn, layerIn)
		}
		add("a.bias", layerIn)
		add("w", layerIn)
		aligned := page(len(file))
		copy(aligned, file)
		packed, err := PackStore(dev, "packed", aligned, specs, 2)
		must(t, err)
		t.Cleanup(func() { must(t, packed.Close()) })
		b := kernelBackend(t, dev, 2, level)
		for _, n := range []int{1, 5} {
			values := normal(r, layerIn*n)
			run := func(trace TraceFunc) (results [][]float32, nodes int) {
				g := newGraph(t, b, 100, trace)
				x := g.Input("x", gguf.F32, layerIn, n)
				w := NewWeights(packed)
				outs := joinable(g, w, x)
				must(t, w.Err())
				must(t, g.Compile(outs...))
				must(t, Set(g, x, values))
				compute(t, g)
				for _, y := range outs {
					results = append(results, get(t, g, y))
				}
				return results, g.Nodes()
			}
			got, joined := run(nil)
			var taps []string
			want, apart := run(func(name string, _ []int, _ []float32) { taps = append(taps, name) })
			for i := range want {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("%d columns: result %d is off by %.3g", n, i, distance(got[i], want[i]))
				}
			}
			if !slices.Equal(taps, []string{"first", "second"}) {
				t.Errorf("taps %q", taps)
			}
			// Two norms, four sums and a product are parts of other nodes; of the last two
			// sums, each with what is read elsewhere too, the products are computed again.
			if joined != 10 || apart != 17 {
				t.Errorf("%d columns: %d nodes joined, %d traced, want 10 and 17", n, joined, apart)
			}
		}
	})
}
