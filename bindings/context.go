package bindings

import (
	"fmt"
	"unsafe"
)

// A Context is an arena of tensor and graph descriptions, without the data. It
// has room for a fixed number of each; ggml ends the process when it
// overflows, so callers count. Not safe for concurrent use.
type Context struct{ owner[contextPtr] }

// contextSlack is room for a context's own bookkeeping, in bytes.
const contextSlack = 1024

// NewContext returns an arena for up to tensors tensors (each operation makes
// one) and, if nodes > 0, one graph of up to nodes nodes. The caller must
// Close it; that frees all of them.
func (l *Lib) NewContext(tensors, nodes int) (*Context, error) {
	if tensors < 0 || nodes < 0 || tensors > 1<<24 || nodes > 1<<24 {
		return nil, fmt.Errorf("bindings: context for %d tensors and %d nodes", tensors, nodes)
	}
	size := contextSlack + uintptr(tensors)*l.fn.tensorOverhead()
	if nodes > 0 {
		size += l.fn.graphOverhead(uintptr(nodes), false)
	}
	ptr := l.fn.init(initParams{memSize: size, noAlloc: true})
	if ptr == 0 {
		return nil, fmt.Errorf("bindings: no memory for a context of %d bytes", size)
	}
	c := new(Context)
	c.open(l, ptr, l.fn.free)
	return c, nil
}

// Close frees the arena and every tensor and graph in it. It is safe on nil
// and when closed.
func (c *Context) Close() error {
	if c == nil {
		return nil
	}
	return c.owner.Close()
}

// Bytes returns how much of the arena is used.
func (c *Context) Bytes() int { return int(c.lib.fn.usedMem(c.ptr)) }

// New returns a tensor of type t and shape ne, fastest axis first.
func (c *Context) New(t Type, ne ...int64) Tensor {
	if c.ptr == 0 || len(ne) == 0 {
		return Tensor{}
	}
	return Tensor{c.lib, c.lib.fn.newTensor(c.ptr, t, int32(len(ne)), &ne[0])}
}

// AllocAll places every tensor of the context in one new buffer of memory t.
// The caller must Close the buffer.
func (c *Context) AllocAll(t BufferType) (*Buffer, error) {
	ptr := c.lib.fn.allocCtxTensors(c.ptr, t.ptr)
	if ptr == 0 {
		return nil, fmt.Errorf("bindings: no %s memory for the tensors", t.Name())
	}
	return newBuffer(c.lib, ptr), nil
}

// A Tensor is a description in a Context of data in a Buffer. It is valid
// until its context is closed. The zero Tensor is none.
type Tensor struct {
	lib *Lib
	ptr tensorPtr
}

// Valid reports whether x is a tensor at all.
func (x Tensor) Valid() bool { return x.ptr != 0 }

// SetName names x in ggml's messages; names over 63 bytes are cut.
func (x Tensor) SetName(name string) { x.lib.fn.setName(x.ptr, name) }

// Name returns the name of x.
func (x Tensor) Name() string { return x.lib.fn.getName(x.ptr) }

// MarkInput keeps x's memory from being shared before it is read.
func (x Tensor) MarkInput() { x.lib.fn.setInput(x.ptr) }

// MarkOutput keeps x's memory from being shared after it is written.
func (x Tensor) MarkOutput() { x.lib.fn.setOutput(x.ptr) }

// Bytes returns the size of x's data.
func (x Tensor) Bytes() int { return int(x.lib.fn.nbytes(x.ptr)) }

// Len returns the number of elements.
func (x Tensor) Len() int { return int(x.lib.fn.nelements(x.ptr)) }

// Dims returns the number of axes, trailing axes of length 1 left out.
func (x Tensor) Dims() int { return int(x.lib.fn.nDims(x.ptr)) }

// ElementBytes returns the size of an element, or of a block if quantized.
func (x Tensor) ElementBytes() int { return int(x.lib.fn.elementSize(x.ptr)) }

// Contiguous reports whether the elements lie one after the other.
func (x Tensor) Contiguous() bool { return x.lib.fn.isContiguous(x.ptr) }

// ContiguousRows reports whether the elements of each row do.
func (x Tensor) ContiguousRows() bool { return x.lib.fn.isContiguousRows(x.ptr) }

// SameShape reports whether x and y have the same shape.
func (x Tensor) SameShape(y Tensor) bool { return x.lib.fn.areSameShape(x.ptr, y.ptr) }

// SameStride reports whether x and y are laid out alike in memory.
func (x Tensor) SameStride(y Tensor) bool { return x.lib.fn.areSameStride(x.ptr, y.ptr) }

// Op names the operation that makes x.
func (x Tensor) Op() string { return x.lib.fn.opDesc(x.ptr) }

// Placed reports whether x has memory.
func (x Tensor) Placed() bool { return x.lib.fn.getData(x.ptr) != 0 }

// Set copies data into x, offset bytes from its start.
func Set[T any](x Tensor, offset int, data []T) error {
	return x.move(x.lib.fn.tensorSet, offset, raw(data))
}

// Get copies into data from x, offset bytes from its start.
func Get[T any](x Tensor, offset int, data []T) error {
	return x.move(x.lib.fn.tensorGet, offset, raw(data))
}

func (x Tensor) move(copy func(tensorPtr, *byte, uintptr, uintptr), offset int, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if size := x.Bytes(); offset < 0 || len(data) > size || offset > size-len(data) {
		return fmt.Errorf("bindings: %d bytes at offset %d of a tensor of %d", len(data), offset, size)
	}
	if !x.Placed() {
		return fmt.Errorf("bindings: tensor %q has no memory yet", x.Name())
	}
	copy(x.ptr, &data[0], uintptr(offset), uintptr(len(data)))
	return nil
}

// raw views a slice as bytes.
func raw[T any](s []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(one)))
}
