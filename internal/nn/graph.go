package nn

import (
	"fmt"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/kernels"
)

// A Graph is a computation: built once by calling operations, compiled, then
// computed any number of times with new inputs. It is not safe for concurrent
// use. Graphs made by Scope share all but the prefix of the names of taps.
type Graph struct {
	*builder
	prefix string
}

type builder struct {
	backend *Backend
	lib     *bindings.Lib
	home    *arena
	size    int // nodes that the graph was made for
	room    int // nodes that still fit
	err     error
	trace   TraceFunc
	taps    []tap
	stores  map[*arena]bool          // held until Close
	weights map[bindings.Tensor]bool // tensors of stores that the graph reads
	inputs  map[bindings.Tensor]input
	outputs map[bindings.Tensor]bool
	checks  []string                 // see Finite
	checked map[bindings.Tensor]bool // the tensors of checks
	sums    Tensor                   // [checks], each NaN or infinite if an element of its tensor is: one tensor, as ggml keeps few

	stepInputs map[bindings.Tensor]*stepInput // see Caches and Places
	steps      map[stepPair]bool

	graph     *bindings.Graph
	uniform   bool // see Uniform
	long      bool // a node of ggml's may take longer than abortGrace: see takes
	kernels   []kernelNode
	scratch   kernels.Memory      // used by one kernel after the other
	alloc     *bindings.Allocator // holds the results when the device is the CPU
	sched     *bindings.Scheduler // holds the results, and plans, on other devices
	pauses    []int               // numbers of nodes after which a computation may pause
	parts     []part              // the nodes between the pauses; none if there are no pauses
	ready     bool                // compiled
	computed  bool                // outputs hold the results of the last Compute
	abandoned bool                // a cancelled computation may still run
}

// An input is a tensor that Set fills.
type input struct {
	name string
	rows int // number of rows that the values select among; 0 for other values
	set  bool
}

// NewGraph returns an empty graph for up to nodes inputs and operations, which
// may read up to nodes tensors of stores. trace, if not nil, receives the taps
// at each Compute; the graph then has room for a tap per node. The caller must
// Close the graph.
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
	planned := 2 * nodes // ggml's lists of nodes and of leaves, which are inputs and weights, are of one length
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

// Scope returns the same graph for a part of the model: its taps and errors
// have names that begin with name and i, as "v.blk.3.". A negative i is left
// out.
func (g *Graph) Scope(name string, i int) *Graph { return &Graph{g.builder, scoped(g.prefix, name, i)} }

// scoped appends "name.i." to prefix, or "name." when i is negative.
func scoped(prefix, name string, i int) string {
	if i < 0 {
		return prefix + name + "."
	}
	return fmt.Sprintf("%s%s.%d.", prefix, name, i)
}

// Nodes returns the number of operations that Compute runs.
func (g *Graph) Nodes() int { return g.graph.Len() }

// Bytes returns the memory held for results, outputs included, and for the
// description of the graph.
func (g *Graph) Bytes() int {
	n := g.home.ctx.Bytes()
	for _, p := range g.parts {
		n += p.ctx.Bytes()
	}
	switch {
	case g.alloc != nil:
		n += g.alloc.Bytes() + g.scratch.Bytes()
	case g.sched != nil:
		n += g.sched.Bytes(g.backend.main) + g.sched.Bytes(g.backend.cpu)
	}
	return n
}

// Close frees the graph's memory. It waits for a computation that was
// abandoned when its context ended. It is safe on nil and when closed.
func (g *Graph) Close() error {
	if g == nil {
		return nil
	}
	g.waitAbandoned()
	if first, err := g.home.shut(); !first {
		return err
	}
	if g.sched != nil {
		g.backend.turn <- struct{}{} // as in place
		g.sched.Close()
		<-g.backend.turn
	}
	g.closeParts()
	g.alloc.Close()
	g.home.ctx.Close()
	g.unbind()
	for a := range g.stores {
		a.release()
	}
	g.backend.arena.release()
	return nil
}
