package nn

import (
	"fmt"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// A TraceFunc receives each tapped tensor in graph order, under its scoped
// name such as "v.blk.0.attn_out". shape is fastest axis first; values, in the
// order of the elements, is valid only during the call.
type TraceFunc func(name string, shape []int, values []float32)

// A tap is a tensor to trace, contiguous and of f32 or i32.
type tap struct {
	name string
	x    Tensor
}

// Tap names x for tracing and returns it. Integers are traced as floats.
// Without a TraceFunc it costs nothing and changes nothing.
func (g *Graph) Tap(name string, x Tensor) Tensor {
	if g.trace == nil || g.err != nil {
		return x
	}
	seen := x
	switch {
	case x.typ != gguf.F32 && x.typ != gguf.I32:
		seen = g.Cast(x, gguf.F32)
	case !x.Contiguous() || x.home != g.home:
		seen = g.Cont(x)
	}
	if g.err != nil {
		return lost
	}
	keep(seen)
	g.Run(seen)
	g.taps = append(g.taps, tap{g.prefix + name, seen})
	return x
}

// traceTaps reads the taps back after a computation.
func (g *Graph) traceTaps() error {
	for _, t := range g.taps {
		values, err := t.read()
		if err != nil {
			return fmt.Errorf("nn: tap %s: %w", t.name, err)
		}
		g.trace(t.name, t.x.Shape(), values)
	}
	return nil
}

// read returns the values of the tap as floats.
func (t tap) read() ([]float32, error) {
	values := make([]float32, t.x.Len())
	if t.x.typ == gguf.F32 {
		return values, bindings.Get(t.x.t, 0, values)
	}
	numbers := make([]int32, len(values))
	err := bindings.Get(t.x.t, 0, numbers)
	for i, n := range numbers {
		values[i] = float32(n)
	}
	return values, err
}
