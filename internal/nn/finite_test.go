package nn

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// TestQuantizedProductsRefuseNaN: ggml would take NaN for 0.
func TestQuantizedProductsRefuseNaN(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		w := NewWeights(newStore(t, dev, Spec{Name: "w", Type: gguf.Q8_0, Shape: []int{64, 4}})).Get("w", 64, 4)
		g := newGraph(t, newBackend(t, dev, 1), 8, nil)
		x := g.Input("x", gguf.F32, 64, 3)
		y := g.Scope("blk", 7).MulMat(w, x)
		must(t, g.Compile(y))
		for _, v := range []float32{nan, float32(math.Inf(-1)), 1} {
			values := make([]float32, x.Len())
			values[70] = v
			must(t, Set(g, x, values))
			switch err := g.Compute(context.Background()); {
			case v == 1:
				must(t, err)
			case !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "blk.7.operand of w: "):
				t.Errorf("%v: error %v", v, err)
			case Get(g, y, make([]float32, y.Len())) == nil:
				t.Errorf("%v: there are results", v)
			}
		}
	})
}

// TestFiniteRows looks at some rows of a store.
func TestFiniteRows(t *testing.T) {
	dev := anyDoor(t)
	s := newStore(t, dev, Spec{Name: "f", Type: gguf.F32, Shape: []int{3, 4}}, Spec{Name: "h", Type: gguf.F16, Shape: []int{3, 4}})
	f, h := NewWeights(s).Get("f", 3, 4), NewWeights(s).Get("h", 3, 4)
	must(t, bindings.Set(f.t, 4*7, []float32{float32(math.Inf(1))}))     // row 2
	must(t, bindings.Set(f.t, 4*3, []float32{-math.MaxFloat32}))         // row 1
	must(t, bindings.Set(h.t, 2*8, []uint16{0xfc01, 0x7bff, 0xfbff, 0})) // NaN in row 2
	for _, x := range []Tensor{f, h} {
		for _, c := range []struct {
			first, n int
			want     bool
		}{{0, 2, true}, {0, 3, false}, {2, 1, false}, {3, 1, true}, {4, 0, true}} {
			if got, err := FiniteRows(x, c.first, c.n); err != nil || got != c.want {
				t.Errorf("%v: %d rows from %d: %t, %v, want %t", x, c.n, c.first, got, err, c.want)
			}
		}
		if _, err := FiniteRows(x, 3, 2); err == nil {
			t.Error("rows beyond the last are read")
		}
	}
	s.Clear()
	if ok, err := FiniteRows(f, 0, 4); err != nil || !ok {
		t.Errorf("cleared: %t, %v", ok, err)
	}
}
