package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// A Graph is a computation: built once by calling operations, compiled, then
// computed any number of times with new inputs. It is not safe for concurrent
// use. Graphs made by Scope share everything but the prefix of tap names.
type Graph struct {
	*builder
	prefix string
}

type builder struct {
	backend *Backend
	lib     *bindings.Lib
	home    *arena
	size    int // nodes it was made for
	room    int // nodes that still fit
	err     error
	trace   TraceFunc
	taps    []tap
	stores  map[*arena]bool           // arenas held until Close
	weights map[bindings.Tensor]bool  // tensors of stores that are read
	inputs  map[bindings.Tensor]input // by what ggml knows them as
	outputs map[bindings.Tensor]bool

	graph     *bindings.Graph
	kernels   []kernelNode
	scratch   kernels.Memory      // that kernels share, one after the other
	alloc     *bindings.Allocator // memory when the device is the CPU
	sched     *bindings.Scheduler // memory and plan otherwise
	ready     bool                // compiled
	computed  bool                // outputs hold the last results
	abandoned bool                // a cancelled computation may still run
}

// An input is a tensor that Set fills.
type input struct {
	name string
	rows int // values select among so many rows; 0 if they select none
	set  bool
}

// NewGraph returns an empty graph for up to nodes tensors: inputs and
// operations, which may read as many tensors of stores. trace, if not nil,
// receives the taps at each Compute; there is room for a tap per node then.
// The caller must Close the graph.
func NewGraph(b *Backend, nodes int, trace TraceFunc) (*Graph, error) {
	if nodes < 1 {
		return nil, fmt.Errorf("nn: graph for %d nodes, want 1 or more", nodes)
	}
	if err := b.arena.hold(); err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	lib := b.Device().Lib()
	if trace != nil {
		nodes *= 2
	}
	planned := 2 * nodes // ggml's list of leaves, weights among them, is as long as that of nodes
	ctx, err := lib.NewContext(nodes, planned)
	if err != nil {
		b.arena.release()
		return nil, err
	}
	return &Graph{builder: &builder{
		backend: b, lib: lib, size: nodes, room: nodes, trace: trace,
		home:    &arena{ctx: ctx, name: "graph", graph: true},
		stores:  map[*arena]bool{},
		weights: map[bindings.Tensor]bool{},
		inputs:  map[bindings.Tensor]input{},
		outputs: map[bindings.Tensor]bool{},
		graph:   ctx.NewGraph(planned),
	}}, nil
}

// Err returns the first error met while building.
func (g *Graph) Err() error { return g.err }

// Scope returns the same graph for a part of the model: tap names made there
// begin with name and i, as "v.blk.3.". A negative i is left out.
func (g *Graph) Scope(name string, i int) *Graph { return &Graph{g.builder, scoped(g.prefix, name, i)} }

func scoped(prefix, name string, i int) string {
	if i < 0 {
		return prefix + name + "."
	}
	return fmt.Sprintf("%s%s.%d.", prefix, name, i)
}

// fail keeps the first error of an operation and returns no tensor.
func (g *Graph) fail(op, format string, args ...any) Tensor {
	if g.err == nil {
		g.err = fmt.Errorf("nn: %s%s: %w", g.prefix, op, fmt.Errorf(format, args...))
	}
	return Tensor{}
}

// begin checks what every operation needs: no error so far, an open graph that
// is not compiled yet, operands that are alive, and room for one node.
func (g *Graph) begin(op string, operands ...Tensor) bool {
	if g.err != nil {
		return false
	}
	if g.home.closed {
		g.fail(op, "graph: %w", ErrClosed)
		return false
	}
	for i, x := range operands {
		if err := g.use(x); err != nil {
			g.fail(op, "operand %d: %w", i+1, err)
			return false
		}
		if x.tiled && !(op == opMulMat && i == 0) {
			g.fail(op, "operand %d: %v is kept in the layout that only %s reads", i+1, x, opMulMat)
			return false
		}
	}
	switch {
	case g.ready:
		g.fail(op, "the graph is compiled already")
	case g.room == 0:
		g.fail(op, "the graph is full: it was made for %d nodes", g.size)
	case len(g.weights) > g.size:
		g.fail(op, "the graph reads more than %d tensors of stores, which it was made for", g.size)
	default:
		g.room--
		return true
	}
	return false
}

// use checks an operand, and keeps its store open as long as the graph.
func (g *Graph) use(x Tensor) error {
	switch {
	case x.home == nil:
		return errors.New("no tensor")
	case x.home == g.home:
		return nil
	case x.home.graph:
		return errors.New("a tensor of another graph")
	case !g.stores[x.home]:
		if err := x.home.hold(); err != nil {
			return err
		}
		g.stores[x.home] = true
	}
	g.weights[x.t] = true
	return nil
}

// node wraps the result of an operation, which is contiguous.
func (g *Graph) node(op string, t bindings.Tensor, typ gguf.Type, ne [4]int) Tensor {
	if !t.Valid() {
		return g.fail(op, "ggml made no tensor")
	}
	if _, err := shape4(typ, ne[:]); err != nil {
		return g.fail(op, "result: %w", err)
	}
	return Tensor{t: t, typ: typ, ne: ne, nb: strides(typ, ne), home: g.home, base: t}
}

// view wraps the result of an operation that lies in the memory of a.
func (g *Graph) view(op string, t bindings.Tensor, a Tensor, ne, nb [4]int) Tensor {
	x := g.node(op, t, a.typ, ne)
	if x.home != nil {
		x.nb, x.base, x.fixed = nb, a.base, a.fixed
	}
	return x
}

// keep makes x's memory hold its values until the next Compute.
func keep(x Tensor) {
	x.t.MarkOutput()
	x.base.MarkOutput() // ggml looks there alone when x is a view
}

// Input adds a tensor whose data Set gives before the first Compute; later ones
// use it again until it is set anew.
func (g *Graph) Input(name string, t gguf.Type, shape ...int) Tensor {
	if !g.begin("input " + name) {
		return Tensor{}
	}
	ne, err := shape4(t, shape)
	if err != nil {
		return g.fail("input "+name, "%w", err)
	}
	n := native(ne)
	x := g.node("input "+name, g.home.ctx.New(t, n[:]...), t, ne)
	x.t.SetName(name)
	x.t.MarkInput()
	keep(x)
	g.inputs[x.t] = input{name: name}
	return x
}

// Run makes sure that x is computed at this point, for operations whose effect
// is on a store, such as writing a cache.
func (g *Graph) Run(x Tensor) {
	switch {
	case g.err != nil:
	case g.home.closed:
		g.fail("run", "graph: %w", ErrClosed)
	case g.ready:
		g.fail("run", "the graph is compiled already")
	case x.home != g.home:
		g.fail("run", "not a tensor of this graph")
	default:
		g.graph.Expand(x.t)
	}
}

// Compile ends the building: it plans the computation of outputs and of what
// was passed to Run, and takes the memory. Outputs can then be read after each
// Compute. It returns the first error met while building.
func (g *Graph) Compile(outputs ...Tensor) error {
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
			g.fail("compile", "output %d is not of this graph", i+1)
			return g.err
		}
		keep(x)
		g.outputs[x.t] = true
		g.graph.Expand(x.t)
	}
	if g.graph.Len() == 0 {
		g.fail("compile", "nothing to compute")
		return g.err
	}
	if err := g.place(); err != nil {
		g.fail("compile", "%w", err)
		return g.err
	}
	if err := g.bind(); err != nil {
		g.fail("compile", "%w", err)
		return g.err
	}
	g.ready = true
	return nil
}

// place gives every node its memory.
func (g *Graph) place() (err error) {
	b := g.backend
	alloc := func() bool { return g.alloc.Alloc(g.graph) }
	if b.cpu == nil {
		g.alloc = b.Device().BufferType().NewAllocator()
	} else {
		// The scheduler keeps all tensors in a hash table, which must not fill up. To
		// place them it waits for the backends, which serve one caller at a time.
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

// Nodes returns the number of operations planned.
func (g *Graph) Nodes() int { return g.graph.Len() }

// Bytes returns the memory held for intermediate results.
func (g *Graph) Bytes() int {
	switch {
	case g.alloc != nil:
		return g.alloc.Bytes() + g.scratch.Bytes()
	case g.sched != nil:
		return g.sched.Bytes(g.backend.main) + g.sched.Bytes(g.backend.cpu)
	}
	return 0
}

// Close frees the graph's memory. It waits for a computation that was
// abandoned when its context ended. It is safe on nil and when closed.
func (g *Graph) Close() error {
	if g == nil {
		return nil
	}
	g.settle()
	if first, err := g.home.shut(); !first {
		return err
	}
	if g.sched != nil {
		g.backend.turn <- struct{}{} // as in place
		g.sched.Close()
		<-g.backend.turn
	}
	g.alloc.Close()
	g.home.ctx.Close()
	g.unbind()
	for a := range g.stores {
		a.release()
	}
	g.backend.arena.release()
	return nil
}

// finite reports whether a constant of an operation is an ordinary number.
func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }
