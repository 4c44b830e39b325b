package nn

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// paused is a chain of products with a pause after each, whose input is set.
func paused(t *testing.T, b *Backend, products int) (g *Graph, y Tensor) {
	g = newGraph(t, b, 3*products+4, nil)
	x := g.Input("x", gguf.F32, 16, 16)
	y = x
	for range products {
		y = g.Tanh(g.MulMat(x, y)) // [16, 16]
		g.Pause(y)
	}
	must(t, g.Compile(y))
	arg{gguf.F32, 0, nil}.set(t, g, rand.New(rand.NewPCG(3, 3)), x)
	return g, y
}

// TestPartsAreTheWhole computes a graph in parts, with another graph in each
// pause: the results are those of the whole, to the bit.
func TestPartsAreTheWhole(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		b := newBackend(t, dev, 2)
		g, y := paused(t, b, 5)
		_, check := small(t, b)
		for range 3 {
			compute(t, g)
			whole := get(t, g, y)
			pauses := 0
			must(t, g.ComputeInParts(t.Context(), func() error {
				pauses++
				check()
				return nil
			}))
			want := 4 // none after the last node
			if dev.Type() != bindings.CPU {
				want = 0
			}
			if pauses != want {
				t.Errorf("%d pauses, want %d", pauses, want)
			}
			if got := get(t, g, y); !slices.Equal(got, whole) {
				t.Error("the results of the parts are not those of the whole")
			}
		}
	})
}

// TestPauseEndsAComputation by an error of its own and by the end of a context.
// Then nothing can be read until the graph is computed again.
func TestPauseEndsAComputation(t *testing.T) {
	dev := openDoor(t, bindings.BuiltIn)
	b := newBackend(t, dev, 2)
	g, y := paused(t, b, 3)
	ctx, cancel := context.WithCancel(t.Context())
	for name, pause := range map[string]func() error{
		"error":   func() error { return errStop },
		"context": func() error { cancel(); return nil },
	} {
		err := g.ComputeInParts(ctx, pause)
		if !errors.Is(err, errStop) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v", name, err)
		}
		if Get(g, y, make([]float32, y.Len())) == nil {
			t.Errorf("%s: half a computation can be read", name)
		}
	}
	compute(t, g)
	get(t, g, y)
}
