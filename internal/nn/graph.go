package nn

import (
	"context"
	"fmt"
	"math"

	"github.com/pgcli/paligemma/bindings"
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
	room    int // nodes that still fit
	err     error
	trace   TraceFunc
	taps    []tap
	stores  map[*arena]bool         // arenas held until Close
	ids     map[bindings.Tensor]int // index inputs and their exclusive bounds

	graph *bindings.Graph
	alloc *bindings.Allocator // memory when the device is the CPU
	sched *bindings.Scheduler // memory and plan otherwise
	ready bool
}

// NewGraph returns an empty graph for up to nodes tensors: inputs and
// operations. trace, if not nil, receives the taps at each Compute. The caller
// must Close the graph.
func NewGraph(b *Backend, nodes int, trace TraceFunc) (*Graph, error) {
	if nodes < 1 {
		return nil, fmt.Errorf("nn: graph for %d nodes, want 1 or more", nodes)
	}
	if err := b.arena.hold(); err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	lib := b.Device().Lib()
	ctx, err := lib.NewContext(nodes, nodes)
	if err != nil {
		b.arena.release()
		return nil, err
	}
	return &Graph{builder: &builder{
		backend: b, lib: lib, room: nodes, trace: trace,
		home:   &arena{ctx: ctx, name: "graph"},
		stores: map[*arena]bool{},
		ids:    map[bindings.Tensor]int{},
		graph:  ctx.NewGraph(nodes),
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
	for i, x := range operands {
		if !x.t.Valid() {
			g.fail(op, "operand %d is missing", i+1)
			return false
		}
		if err := g.use(x.home); err != nil {
			g.fail(op, "operand %d: %w", i+1, err)
			return false
		}
	}
	switch {
	case g.home.closed:
		g.fail(op, "graph: %w", ErrClosed)
	case g.ready:
		g.fail(op, "the graph is compiled already")
	case g.room == 0:
		g.fail(op, "the graph has more nodes than it was made for")
	default:
		g.room--
		return true
	}
	return false
}

// use keeps a store open as long as the graph.
func (g *Graph) use(a *arena) error {
	if a == g.home || g.stores[a] {
		return nil
	}
	if a.ctx == nil || a.name == "graph" {
		return fmt.Errorf("a tensor of another graph")
	}
	if err := a.hold(); err != nil {
		return err
	}
	g.stores[a] = true
	return nil
}

// node wraps the result of an operation; nb nil means contiguous.
func (g *Graph) node(op string, t bindings.Tensor, typ bindings.Type, ne [4]int, nb *[4]int) Tensor {
	if !t.Valid() {
		return g.fail(op, "ggml made no tensor")
	}
	x := Tensor{t: t, typ: typ, ne: ne, nb: strides(typ, ne), home: g.home}
	if nb != nil {
		x.nb = *nb
	}
	return x
}

// Input adds a tensor whose data Set gives before each Compute.
func (g *Graph) Input(name string, t bindings.Type, shape ...int) Tensor {
	if !g.begin("input " + name) {
		return Tensor{}
	}
	ne, err := shape4(t, shape)
	if err != nil {
		return g.fail("input "+name, "%w", err)
	}
	n := native(ne)
	x := g.node("input "+name, g.home.ctx.New(t, n[:]...), t, ne, nil)
	x.t.SetName(name)
	x.t.MarkInput()
	return x
}

// Run makes sure that x is computed at this point, for operations whose effect
// is on a store, such as writing a cache.
func (g *Graph) Run(x Tensor) {
	if g.err == nil && x.t.Valid() && !g.ready {
		g.graph.Expand(x.t)
	}
}

// Compile ends the building: it plans the computation of outputs and of what
// was passed to Run, and takes the memory. Outputs can then be read after each
// Compute. It returns the first error met while building.
func (g *Graph) Compile(outputs ...Tensor) error {
	for i, x := range outputs {
		switch {
		case g.err != nil:
			return g.err
		case !x.t.Valid() || x.home != g.home:
			g.fail("compile", "output %d is not of this graph", i+1)
		default:
			x.t.MarkOutput()
			g.graph.Expand(x.t)
		}
	}
	switch {
	case g.err != nil:
		return g.err
	case g.home.closed:
		return fmt.Errorf("nn: compile: graph: %w", ErrClosed)
	case g.ready:
		return fmt.Errorf("nn: compile: done already")
	case g.graph.Len() == 0:
		return fmt.Errorf("nn: compile: nothing to compute")
	}
	if !g.place() {
		g.fail("compile", "no memory on %s for the intermediate results", g.backend.Device().Name())
		return g.err
	}
	g.ready = true
	return nil
}

// place gives every node its memory.
func (g *Graph) place() bool {
	b := g.backend
	if b.cpu == nil {
		g.alloc = b.Device().BufferType().NewAllocator()
		return g.alloc.Alloc(g.graph)
	}
	g.sched = g.lib.NewScheduler([]*bindings.Backend{b.main, b.cpu}, g.graph.Cap())
	return g.sched.Alloc(g.graph)
}

// Set gives an input its data: as many values as it has elements. Values of an
// input that selects rows must be row numbers.
func Set[T float32 | uint16 | int32 | int64](g *Graph, x Tensor, data []T) error {
	if err := g.reach(x, len(data), int(size(data))); err != nil {
		return fmt.Errorf("nn: set: %w", err)
	}
	if bound, ok := g.ids[x.t]; ok {
		for i, v := range data {
			if float64(v) < 0 || float64(v) >= float64(bound) {
				return fmt.Errorf("nn: set %q: value %d is %v, want a row from 0 to %d", x.t.Name(), i, v, bound-1)
			}
		}
	}
	return bindings.Set(x.t, 0, data)
}

// Get copies an output's values into data, of as many elements.
func Get[T float32 | uint16 | int32](g *Graph, x Tensor, data []T) error {
	if err := g.reach(x, len(data), int(size(data))); err != nil {
		return fmt.Errorf("nn: get: %w", err)
	}
	if !x.contiguous() {
		return fmt.Errorf("nn: get: %v is not contiguous", x)
	}
	return bindings.Get(x.t, 0, data)
}

// reach checks that x has memory and holds n values of the given size.
func (g *Graph) reach(x Tensor, n, bytes int) error {
	switch {
	case g.home.closed:
		return fmt.Errorf("graph: %w", ErrClosed)
	case !g.ready:
		return fmt.Errorf("the graph is not compiled")
	case !x.t.Valid() || x.home != g.home:
		return fmt.Errorf("the tensor is not of this graph")
	case n != x.Len() || bytes != x.typ.BlockBytes():
		return fmt.Errorf("%d values of %d bytes for %v", n, bytes, x)
	}
	return nil
}

// Compute runs the graph on its inputs. When ctx ends it stops and returns the
// cause; outputs are then undefined. Taps are traced before it returns.
func (g *Graph) Compute(ctx context.Context) error {
	switch {
	case g.err != nil:
		return g.err
	case g.home.closed:
		return fmt.Errorf("nn: compute: graph: %w", ErrClosed)
	case !g.ready:
		return fmt.Errorf("nn: compute: the graph is not compiled")
	}
	start := func() bindings.Status { return g.backend.main.Compute(g.graph) }
	if g.sched != nil {
		start = func() bindings.Status { return g.sched.Compute(g.graph) }
	}
	if err := g.backend.run(ctx, start); err != nil {
		return err
	}
	return g.traceTaps()
}

// Nodes returns the number of operations planned.
func (g *Graph) Nodes() int { return g.graph.Len() }

// Bytes returns the memory held for intermediate results.
func (g *Graph) Bytes() int {
	switch {
	case g.alloc != nil:
		return g.alloc.Bytes()
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
	g.backend.running.Lock()
	defer g.backend.running.Unlock()
	if first, err := g.home.shut(); !first {
		return err
	}
	g.sched.Close()
	g.alloc.Close()
	g.home.ctx.Close()
	for a := range g.stores {
		a.release()
	}
	g.backend.arena.release()
	return nil
}

// size is that of one element.
func size[T float32 | uint16 | int32 | int64]([]T) uintptr {
	var one T
	switch any(one).(type) {
	case uint16:
		return 2
	case int64:
		return 8
	}
	return 4
}

// finite reports whether a constant of an operation is an ordinary number.
func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }
