package nn

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/bindings"
)

// Compile ends the building: it plans the computation of outputs and of what
// was passed to Run, and takes the memory. Outputs can then be read after each
// Compute. It returns the first error met while building.
func (g *Graph) Compile(outputs ...Tensor) error {
	const op = "compile"
	switch {
	case g.err != nil:
		return g.err
	case g.home.closed:
		return fmt.Errorf("nn: compile: graph: %w", ErrClosed)
	case g.ready:
		return errors.New("nn: compile: the graph is compiled already")
	}
	for i, x := range outputs {
		if x.home != g.home {
			g.fail(op, "output %d is not of this graph", i+1)
			return g.err
		}
		keep(x)
		g.outputs[x.t] = true
		g.graph.Expand(x.t)
	}
	g.keepSums()
	if g.graph.Len() == 0 {
		g.fail(op, "nothing to compute")
		return g.err
	}
	if err := g.place(); err != nil {
		g.fail(op, "%w", err)
		return g.err
	}
	if err := errors.Join(g.bind(), g.cut()); err != nil {
		g.fail(op, "%w", err)
		return g.err
	}
	g.ready = true
	return nil
}

// keep makes the memory of x hold its values until the next Compute.
func keep(x Tensor) {
	x.t.MarkOutput()
	x.base.MarkOutput() // when x is a view, ggml looks only there
}

// place gives every node its memory.
func (g *Graph) place() (err error) {
	b := g.backend
	alloc := func() bool { return g.alloc.Alloc(g.graph) }
	if b.cpu == nil {
		g.alloc = b.Device().BufferType().NewAllocator()
	} else {
		// The scheduler keeps all tensors in a hash table, which must not fill up.
		// Placing them waits for the backends, which serve one caller at a time.
		planned := 2*(g.size-g.room+len(g.weights)) + 16
		if g.sched, err = g.lib.NewScheduler([]*bindings.Backend{b.main, b.cpu}, planned); err != nil {
			return err
		}
		b.turn <- struct{}{}
		defer func() { <-b.turn }()
		alloc = func() bool { return g.sched.Alloc(g.graph) }
	}
	if !alloc() {
		return fmt.Errorf("no memory on %s for the intermediate results", b.Device().Name())
	}
	return nil
}
