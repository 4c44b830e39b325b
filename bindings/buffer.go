package bindings

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// A BufferType is a kind of memory: a device's own, or CPU memory in which ggml
// repacks weights for its kernels.
type BufferType struct {
	lib *Lib
	ptr buftPtr
}

// BufferType returns the device's ordinary memory.
func (d Device) BufferType() BufferType { return BufferType{d.lib, d.lib.fn.devBufferType(d.ptr)} }

// ExtraBufferTypes returns the device's special memories for weights, such as
// CPU_REPACK. A tensor may live there only if SupportsOp says so.
func (d Device) ExtraBufferTypes() []BufferType {
	get := d.proc("ggml_backend_dev_get_extra_bufts")
	if get == 0 {
		return nil
	}
	list, _, _ := purego.SyscallN(get, uintptr(d.ptr))
	if list == 0 {
		return nil
	}
	var types []BufferType
	for p := pointer[buftPtr](list); *p != 0; p = (*buftPtr)(unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(*p))) {
		types = append(types, BufferType{d.lib, *p})
	}
	return types
}

// Name returns ggml's name of the memory.
func (t BufferType) Name() string { return t.lib.fn.buftName(t.ptr) }

// Alignment returns the alignment of tensors in bytes.
func (t BufferType) Alignment() int { return int(t.lib.fn.buftAlignment(t.ptr)) }

// TensorBytes returns how many bytes x takes in this memory, padding included.
func (t BufferType) TensorBytes(x Tensor) int {
	if !x.Valid() {
		return 0
	}
	return int(t.lib.fn.buftAllocSize(t.ptr, x.ptr))
}

// Alloc returns size bytes of this memory. The caller must Close the buffer.
func (t BufferType) Alloc(size int) (*Buffer, error) {
	if size < 0 {
		return nil, fmt.Errorf("bindings: %d bytes of %s memory", size, t.Name())
	}
	ptr := t.lib.fn.buftAlloc(t.ptr, uintptr(size))
	if ptr == 0 {
		return nil, fmt.Errorf("bindings: no %d bytes of %s memory", size, t.Name())
	}
	return newBuffer(t.lib, ptr), nil
}

// A Buffer is memory on a device that holds tensors.
type Buffer struct {
	owner[bufferPtr]
	mapped []byte // borrowed host memory, kept from being collected
}

func newBuffer(lib *Lib, ptr bufferPtr) *Buffer {
	b := new(Buffer)
	b.open(lib, ptr, lib.fn.bufferFree)
	return b
}

// borrowAlignment is the alignment in bytes that ggml asks of CPU buffers.
const borrowAlignment = 32

// Borrow makes a buffer of host memory that the caller keeps mapped and
// unchanged until Close, without copying it. data must be outside Go's heap,
// such as a mapped file, and start at a multiple of 32 bytes. largest is the
// size in bytes of its largest tensor. A device that cannot read host memory is
// an error. The caller must Close the buffer.
func (d Device) Borrow(data []byte, largest int) (*Buffer, error) {
	base := address(uintptr(unsafe.Pointer(unsafe.SliceData(data))))
	if len(data) == 0 || base%borrowAlignment != 0 {
		return nil, fmt.Errorf("bindings: borrow %d bytes at an address that is %d mod %d, want some at 0",
			len(data), base%borrowAlignment, borrowAlignment)
	}
	// ggml calls through a nil pointer on a device that cannot. Only a struct
	// whose layout differs between versions tells which devices can.
	if backend := d.Backend(); d.Type() != CPU && backend != "Metal" && backend != "MTL" {
		return nil, fmt.Errorf("bindings: device %s cannot read host memory in place", d.Name())
	}
	ptr := d.lib.fn.devHostPtrBuffer(d.ptr, base, uintptr(len(data)), uintptr(largest))
	if ptr == 0 {
		return nil, fmt.Errorf("bindings: device %s cannot read host memory in place", d.Name())
	}
	b := newBuffer(d.lib, ptr)
	b.mapped = data
	return b, nil
}

// Imagine makes a buffer of size bytes at an address without memory, for graphs that
// are measured and never computed: nothing may read or write it. Only the CPU has
// such buffers. The caller must Close the buffer.
func (d Device) Imagine(size int) (*Buffer, error) {
	if d.Type() != CPU || size <= 0 {
		return nil, fmt.Errorf("bindings: device %s has no buffer of %d bytes without memory", d.Name(), size)
	}
	const nowhere = 1 << 20 // aligned for every tensor
	ptr := d.lib.fn.devHostPtrBuffer(d.ptr, nowhere, uintptr(size), uintptr(size))
	if ptr == 0 {
		return nil, fmt.Errorf("bindings: device %s has no buffer of %d bytes without memory", d.Name(), size)
	}
	return newBuffer(d.lib, ptr), nil
}

// Bytes returns the buffer's size in bytes.
func (b *Buffer) Bytes() int {
	if b.isClosed() {
		return 0
	}
	return int(b.lib.fn.bufferSize(b.ptr))
}

// Clear fills the buffer with value.
func (b *Buffer) Clear(value byte) {
	if !b.isClosed() {
		b.lib.fn.bufferClear(b.ptr, value)
	}
}

// usageWeights is GGML_BACKEND_BUFFER_USAGE_WEIGHTS.
const usageWeights = 1

// MarkWeights says that the buffer holds weights. A scheduler then runs the
// operations that read them on the buffer's device.
func (b *Buffer) MarkWeights() {
	if !b.isClosed() {
		b.lib.fn.bufferSetUsage(b.ptr, usageWeights)
	}
}

// Place puts x at offset bytes in the buffer. It fails if x has memory, if an
// operation computes x, or if the buffer has no room for x there.
func (b *Buffer) Place(x Tensor, offset int) error {
	switch {
	case b.isClosed():
		return fmt.Errorf("bindings: place tensor: buffer %w", ErrClosed)
	case !x.Valid():
		return errNoTensor
	case x.Placed() || x.Op() != "NONE":
		return fmt.Errorf("bindings: tensor %q (%s) has memory already or is computed", x.Name(), x.Op())
	}
	size := int(b.lib.fn.bufferAllocSize(b.ptr, x.ptr))
	if offset < 0 || size > b.Bytes() || offset > b.Bytes()-size {
		return fmt.Errorf("bindings: tensor of %d bytes at offset %d of a buffer of %d", size, offset, b.Bytes())
	}
	base := b.lib.fn.bufferBase(b.ptr)
	if s := b.lib.fn.tensorAlloc(b.ptr, x.ptr, base+address(offset)); s != Success {
		return fmt.Errorf("bindings: place tensor: %v", s)
	}
	return nil
}

// Close frees the memory. Tensors in it must not be used again. It is safe on
// nil and when closed.
func (b *Buffer) Close() error {
	if b == nil {
		return nil
	}
	return b.owner.Close()
}
