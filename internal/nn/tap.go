package nn

import (
	"fmt"

	"github.com/pgcli/paligemma/bindings"
)

// A TraceFunc receives each tapped tensor in graph order, under its scoped
// name such as "v.blk.0.attn_out". shape is fastest axis first; values is
// valid only during the call.
type TraceFunc func(name string, shape []int, values []float32)

type tap struct {
	name string
	x    Tensor
}

// Tap names x for tracing and returns it. Without a TraceFunc it costs
// nothing and changes nothing.
func (g *Graph) Tap(name string, x Tensor) Tensor {
	if g.trace == nil || g.err != nil || !x.t.Valid() {
		return x
	}
	seen := x
	if !x.contiguous() {
		seen = g.Cont(x)
	}
	if x.typ != bindings.F32 {
		seen = g.Cast(x, bindings.F32)
	}
	if g.err != nil {
		return Tensor{}
	}
	seen.t.SetName(g.prefix + name)
	seen.t.MarkOutput()
	g.Run(seen)
	g.taps = append(g.taps, tap{g.prefix + name, seen})
	return x
}

// traceTaps reads the taps back after a computation.
func (g *Graph) traceTaps() error {
	for _, t := range g.taps {
		values := make([]float32, t.x.Len())
		if err := bindings.Get(t.x.t, 0, values); err != nil {
			return fmt.Errorf("nn: tap %s: %w", t.name, err)
		}
		g.trace(t.name, t.x.Shape(), values)
	}
	return nil
}
