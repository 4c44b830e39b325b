package nn

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// TestRunProducts compares runs of rows, the last of them short, with the
// product of all rows, and refuses numbers of runs that do not exist.
func TestRunProducts(t *testing.T) {
	eachLevel(t, func(t *testing.T, dev bindings.Device, level kernels.Level) {
		const k, m = 64, 2*RunRows + 5
		r := rand.New(rand.NewPCG(9, 9))
		data := page(4 * k * m)
		copy(data, raw32(normal(r, k*m)))
		s := mapped(t, dev, data, []Spec{{Name: "w", Type: gguf.F32, Shape: []int{k, m}}})
		g := newGraph(t, kernelBackend(t, dev, 2, level), 8, nil)
		w, x, runs := NewWeights(s).Get("w", k, m), g.Input("x", gguf.F32, k), g.Input("runs", gguf.I32, 3)
		all, some := g.MulMat(w, x), g.RunProducts(w, x, runs)
		must(t, g.Compile(all, some))
		must(t, Set(g, x, normal(r, k)))
		must(t, Set(g, runs, []int32{2, 0, 1}))
		compute(t, g)
		want, got := get(t, g, all), get(t, g, some)
		if !slices.Equal(got[:5], want[2*RunRows:]) || !slices.Equal(got[RunRows:], want[:2*RunRows]) {
			t.Errorf("rows of runs differ from those of the whole product")
		}
		for _, run := range []int32{-1, 3} {
			if err := Set(g, runs, []int32{0, run, 1}); err == nil || !strings.Contains(err.Error(), "want a row from 0 to 2") {
				t.Errorf("run %d: error %v, want one that says there are 3", run, err)
			}
		}
		for _, c := range []struct {
			want string
			make func(g *Graph) Tensor
		}{
			{"run products: runs i64 [3] for 1 columns, want i32 [p 1]", func(g *Graph) Tensor {
				return g.RunProducts(w, g.Input("x", gguf.F32, k), g.Input("runs", gguf.I64, 3))
			}},
			{"run products: runs i32 [3] for 2 columns, want i32 [p 2]", func(g *Graph) Tensor {
				return g.RunProducts(w, g.Input("x", gguf.F32, k, 2), g.Input("runs", gguf.I32, 3))
			}},
			{"run products: f32 [64 133] by f32 [64 65]: want up to 64 columns", func(g *Graph) Tensor {
				return g.RunProducts(w, g.Input("x", gguf.F32, k, 65), g.Input("runs", gguf.I32, 3, 65))
			}},
			{"runs: f32 [64 133] by f32 [63]: want up to 64 columns of f32, as long as a row", func(g *Graph) Tensor {
				return g.Runs(w, g.Input("x", gguf.F32, k-1), 0)
			}},
			{"run products: weights f32 [64 133]: kernels do not read", func(g *Graph) Tensor {
				v := g.Input("w", gguf.F32, k, m)
				return g.RunProducts(v, g.Input("x", gguf.F32, k), g.Input("runs", gguf.I32, 3))
			}},
			{"are not an input of this graph", func(g *Graph) Tensor {
				return g.RunProducts(w, g.Input("x", gguf.F32, k), g.Cont(g.Input("runs", gguf.I32, 3)))
			}},
		} {
			other := newGraph(t, kernelBackend(t, dev, 1, level), 8, nil)
			c.make(other)
			if err := other.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		}
	})
}
