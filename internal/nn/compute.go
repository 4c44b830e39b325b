package nn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// Set gives the input x its data: x.Len() values of its type, fastest axis
// first. uint16 holds the bits of f16 or bf16. Values of an input that selects
// rows must be row numbers.
func Set[T float32 | uint16 | int32 | int64](g *Graph, x Tensor, data []T) error {
	if err := g.checkAccess(x, len(data), holds[T](x.typ)); err != nil {
		return fmt.Errorf("nn: set: %w", err)
	}
	in, ok := g.inputs[x.t]
	if !ok {
		return fmt.Errorf("nn: set: %v is not an input", x)
	}
	for i, v := range data {
		if in.rows > 0 && (int64(v) < 0 || int64(v) >= int64(in.rows)) {
			return fmt.Errorf("nn: set %q: value %d is %v, want a row from 0 to %d", in.name, i, v, in.rows-1)
		}
	}
	g.waitAbandoned()
	if err := bindings.Set(x.t, 0, data); err != nil {
		return fmt.Errorf("nn: set %q: %w", in.name, err)
	}
	in.set = true
	g.inputs[x.t] = in
	return nil
}

// Get copies the values of the output x, as the last Compute left them, into
// data, which has x.Len() elements of its type, fastest axis first.
func Get[T float32 | uint16 | int32](g *Graph, x Tensor, data []T) error {
	err := g.checkAccess(x, len(data), holds[T](x.typ))
	switch {
	case err != nil:
	case !g.outputs[x.t]:
		err = fmt.Errorf("%v is not an output", x)
	case !x.Contiguous():
		err = fmt.Errorf("%v is not contiguous", x)
	case !g.computed:
		err = errors.New("nothing is computed yet, or it did not end well")
	default:
		err = bindings.Get(x.t, 0, data)
	}
	if err != nil {
		return fmt.Errorf("nn: get: %w", err)
	}
	return nil
}

// checkAccess checks that x is a tensor of this graph, has memory and holds n
// values; fits says whether they are of the type asked for.
func (g *Graph) checkAccess(x Tensor, n int, fits bool) error {
	switch {
	case g.home.closed:
		return fmt.Errorf("graph: %w", ErrClosed)
	case !g.ready:
		return errors.New("the graph is not compiled")
	case x.home != g.home:
		return errors.New("the tensor is not of this graph")
	case !fits:
		return fmt.Errorf("%v holds values of another type", x)
	case n != x.Len():
		return fmt.Errorf("%d values for %v, want %d", n, x, x.Len())
	}
	return nil
}

// holds reports whether a tensor of type t holds values of Go type T.
func holds[T float32 | uint16 | int32 | int64](t gguf.Type) bool {
	switch any(*new(T)).(type) {
	case float32:
		return t == gguf.F32
	case uint16:
		return t == gguf.F16 || t == gguf.BF16
	case int32:
		return t == gguf.I32
	}
	return t == gguf.I64
}

// Compute runs the graph on its inputs and traces the taps. When ctx ends it
// stops and returns the cause; outputs cannot be read then.
func (g *Graph) Compute(ctx context.Context) error {
	if err := g.beginCompute(); err != nil {
		return err
	}
	return g.computeWhole(ctx)
}

// beginCompute checks that the graph can be computed.
func (g *Graph) beginCompute() error {
	switch {
	case g.err != nil:
		return g.err
	case g.home.closed:
		return fmt.Errorf("nn: compute: graph: %w", ErrClosed)
	case !g.ready:
		return errors.New("nn: compute: the graph is not compiled")
	}
	if names := g.unset(); len(names) > 0 {
		return fmt.Errorf("nn: compute: inputs %q are not set", names)
	}
	g.computed = false
	return nil
}

// computeWhole computes all nodes.
func (g *Graph) computeWhole(ctx context.Context) error {
	start := func() bindings.Status { return g.backend.main.Compute(g.graph) }
	if g.sched != nil {
		start = func() bindings.Status { return g.sched.Compute(g.graph) }
	}
	if err := g.run(ctx, start); err != nil {
		return err
	}
	return g.endCompute()
}

// run calls start, which computes nodes of the graph.
func (g *Graph) run(ctx context.Context, start func() bindings.Status) error {
	start, release, err := g.holdCaches(start)
	if err != nil {
		return err
	}
	abandoned, err := g.backend.run(ctx, g.quick(), start)
	if !abandoned {
		release()
	}
	g.abandoned = abandoned || g.abandoned && err != nil
	return err
}

// endCompute makes the results readable, traces the taps and checks that the numbers
// given to Finite are finite.
func (g *Graph) endCompute() error {
	g.computed = true
	if err := g.traceTaps(); err != nil {
		return err
	}
	if err := g.checkFinite(); err != nil {
		g.computed = false
		return err
	}
	return nil
}

// unset names the inputs that the graph reads and that were never set: their
// memory may hold row numbers at which ggml ends the process.
func (g *Graph) unset() (names []string) {
	for t, in := range g.inputs {
		if !in.set && t.Placed() {
			names = append(names, in.name)
		}
	}
	slices.Sort(names)
	return names
}

// waitAbandoned waits for a computation that was abandoned when its context
// ended.
func (g *Graph) waitAbandoned() {
	if g.abandoned {
		g.backend.wait()
		g.abandoned = false
	}
}
