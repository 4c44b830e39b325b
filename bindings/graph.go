package bindings

// A Graph is a list of operations in the order in which they are computed. It
// lives in a Context. Once the context is closed, the graph is empty and cannot
// be computed.
type Graph struct {
	ctx *Context
	ptr graphPtr
	of  *Context // that owns the tensors, if not ctx
}

// NewGraph returns the context's graph, for up to nodes nodes.
func (c *Context) NewGraph(nodes int) *Graph {
	if c.ptr == 0 {
		return &Graph{ctx: c}
	}
	return &Graph{ctx: c, ptr: c.lib.fn.newGraph(c.ptr, uintptr(nodes), false)}
}

// usable reports whether g can be given to lib.
func (g *Graph) usable(lib *Lib) bool {
	return g != nil && g.ptr != 0 && g.ctx.ptr != 0 && (g.of == nil || g.of.ptr != 0) && g.ctx.lib == lib
}

// Expand appends x, and those operations that x needs and the graph lacks.
func (g *Graph) Expand(x Tensor) {
	if g.usable(g.ctx.lib) && g.ctx.ready(x) {
		g.ctx.lib.fn.graphExpand(g.ptr, x.ptr)
	}
}

// Len returns the number of nodes.
func (g *Graph) Len() int {
	if !g.usable(g.ctx.lib) {
		return 0
	}
	return int(g.ctx.lib.fn.graphNodes(g.ptr))
}

// Part returns nodes [first, last) of g as a graph of its own, with the tensors
// and the memory of g, so that g can be computed in parts. It is empty if there
// are no such nodes. c, a context of the same library with room for last-first
// nodes, holds the list; g's context must stay open as long.
func (g *Graph) Part(c *Context, first, last int) *Graph {
	part := c.NewGraph(max(last-first, 1))
	if first < 0 || last > g.Len() || !part.usable(g.ctx.lib) {
		return part
	}
	part.of = g.ctx
	for i := first; i < last; i++ {
		g.ctx.lib.fn.graphAddNode(part.ptr, g.ctx.lib.fn.graphNode(g.ptr, int32(i)))
	}
	return part
}

// An Allocator owns the memory of a graph's intermediate results on one device.
// Results that are not needed at the same time share memory.
type Allocator struct{ owner[gallocrPtr] }

// NewAllocator returns an allocator in memory t. The caller must Close it.
func (t BufferType) NewAllocator() *Allocator {
	a := new(Allocator)
	a.open(t.lib, t.lib.fn.gallocNew(t.ptr), t.lib.fn.gallocFree)
	return a
}

// Alloc places g's tensors. It reports false when memory does not suffice, or
// when the allocator or g is closed.
func (a *Allocator) Alloc(g *Graph) bool {
	return !a.isClosed() && g.usable(a.lib) && a.lib.fn.gallocAllocGraph(a.ptr, g.ptr)
}

// Bytes returns how many bytes of memory the allocator holds.
func (a *Allocator) Bytes() int {
	if a.isClosed() {
		return 0
	}
	return int(a.lib.fn.gallocBufferSize(a.ptr, 0))
}

// Close frees the memory. It is safe on nil and when closed.
func (a *Allocator) Close() error {
	if a == nil {
		return nil
	}
	return a.owner.Close()
}
