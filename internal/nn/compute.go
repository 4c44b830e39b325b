package nn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// Set gives an input its data: as many values as it has elements, of its type;
// uint16 holds the bits of f16 or bf16. Values of an input that selects rows
// must be row numbers.
func Set[T float32 | uint16 | int32 | int64](g *Graph, x Tensor, data []T) error {
	if err := g.reach(x, len(data), holds[T](x.typ)); err != nil {
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
	g.settle()
	if err := bindings.Set(x.t, 0, data); err != nil {
		return fmt.Errorf("nn: set %q: %w", in.name, err)
	}
	in.set = true
	g.inputs[x.t] = in
	return nil
}

// Get copies an output's values, as the last Compute left them, into data, of
// as many elements and its type.
func Get[T float32 | uint16 | int32](g *Graph, x Tensor, data []T) error {
	err := g.reach(x, len(data), holds[T](x.typ))
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

// reach checks that x is a tensor of this graph, has memory and holds n values
// of the type asked for.
func (g *Graph) reach(x Tensor, n int, fits bool) error {
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

// holds reports whether values of Go type T are those of type t.
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

// Compute runs the graph on its inputs. When ctx ends it stops and returns the
// cause; there are no outputs then. Taps are traced before it returns.
func (g *Graph) Compute(ctx context.Context) error {
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
	start := func() bindings.Status { return g.backend.main.Compute(g.graph) }
	if g.sched != nil {
		start = func() bindings.Status { return g.sched.Compute(g.graph) }
	}
	g.computed = false
	abandoned, err := g.backend.run(ctx, start)
	g.abandoned = abandoned || g.abandoned && err != nil
	if err != nil {
		return err
	}
	g.computed = true
	return g.traceTaps()
}

// unset names the inputs that the graph reads and nobody filled: their memory
// may hold row numbers that end the process.
func (g *Graph) unset() (names []string) {
	for t, in := range g.inputs {
		if !in.set && t.Placed() {
			names = append(names, in.name)
		}
	}
	slices.Sort(names)
	return names
}

// settle waits for a computation that was abandoned.
func (g *Graph) settle() {
	if g.abandoned {
		g.backend.wait()
		g.abandoned = false
	}
}
