package bindings

import (
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/gguf"
)

// A Context is an arena of descriptions of tensors and graphs, without the data.
// It has room for a fixed number of each. ggml ends the process when the arena
// overflows, so callers count. It is not safe for concurrent use.
type Context struct {
	owner[contextPtr]
	size int // bytes
}

// contextSlack is room for a context's own bookkeeping, in bytes.
const contextSlack = 1024

// contextLimit is the most tensors, and the most nodes, of a context: about half
// a gigabyte. ggml ends the process when it gets no memory for an arena. Models
// need a few thousand.
const contextLimit = 1 << 20

// NewContext returns an arena for up to tensors tensors (each operation makes
// one) and, if nodes > 0, one graph of up to nodes nodes. The caller must Close
// the context, which frees the tensors and the graph.
func (l *Lib) NewContext(tensors, nodes int) (*Context, error) {
	if tensors < 0 || nodes < 0 || tensors > contextLimit || nodes > contextLimit {
		return nil, fmt.Errorf("bindings: context for %d tensors and %d nodes, want 0 to %d", tensors, nodes, contextLimit)
	}
	size := contextSlack + uintptr(tensors)*l.fn.tensorOverhead()
	if nodes > 0 {
		size += l.fn.graphOverhead(uintptr(nodes), false)
	}
	ptr := l.fn.init(initParams{memSize: size, memBuffer: 0, noAlloc: true})
	if ptr == 0 {
		return nil, fmt.Errorf("bindings: no memory for a context of %d bytes", size)
	}
	c := &Context{size: int(size)}
	c.open(l, ptr, l.fn.free)
	return c, nil
}

// Bytes returns how many bytes of memory the context holds.
func (c *Context) Bytes() int {
	if c.isClosed() {
		return 0
	}
	return c.size
}

// Close frees the arena and every tensor and graph in it. It is safe on nil
// and when closed.
func (c *Context) Close() error {
	if c == nil {
		return nil
	}
	return c.owner.Close()
}

// New returns a tensor of a known type t and of shape ne, fastest axis first.
// ne has 1 to 4 lengths, none negative, the first a multiple of t's block.
// Otherwise New returns the zero Tensor.
func (c *Context) New(t gguf.Type, ne ...int64) Tensor {
	if c.ptr == 0 || !Known(t) || len(ne) < 1 || len(ne) > 4 || ne[0]%int64(t.BlockSize()) != 0 || slices.Min(ne) < 0 {
		return Tensor{}
	}
	return Tensor{c, c.lib.fn.newTensor(c.ptr, t, int32(len(ne)), &ne[0])}
}

// AllocAll allocates one buffer of memory t and places in it every tensor of the
// context that has no memory yet. The caller must Close the buffer.
func (c *Context) AllocAll(t BufferType) (*Buffer, error) {
	if c.ptr == 0 {
		return nil, fmt.Errorf("bindings: allocate tensors: %w", ErrClosed)
	}
	ptr := c.lib.fn.allocCtxTensors(c.ptr, t.ptr)
	if ptr == 0 {
		return nil, fmt.Errorf("bindings: no tensor to place, or no %s memory for them", t.Name())
	}
	return newBuffer(c.lib, ptr), nil
}
