package bindings

import (
	"fmt"
	"unsafe"
)

// A Tensor is a description in a Context of data in a Buffer. It is valid
// until its context is closed. The zero Tensor is none. Of a tensor that is
// not valid every length is 0, every name "" and every question false.
type Tensor struct {
	ctx *Context
	ptr tensorPtr
}

// Valid reports whether x is a tensor of an open context.
func (x Tensor) Valid() bool { return x.ptr != 0 && x.ctx.ptr != 0 }

// fn is the table of x's library.
func (x Tensor) fn() *functions { return &x.ctx.lib.fn }

// SetName names x in ggml's messages; names over 63 bytes are cut.
func (x Tensor) SetName(name string) {
	if x.Valid() {
		x.fn().setName(x.ptr, name)
	}
}

// Name returns the name of x.
func (x Tensor) Name() string {
	if !x.Valid() {
		return ""
	}
	return x.fn().getName(x.ptr)
}

// MarkInput keeps x's memory from being shared before it is read.
func (x Tensor) MarkInput() {
	if x.Valid() {
		x.fn().setInput(x.ptr)
	}
}

// MarkOutput keeps x's memory from being shared after it is written.
func (x Tensor) MarkOutput() {
	if x.Valid() {
		x.fn().setOutput(x.ptr)
	}
}

// Bytes returns the size of x's data.
func (x Tensor) Bytes() int {
	if !x.Valid() {
		return 0
	}
	return int(x.fn().nbytes(x.ptr))
}

// Len returns the number of elements.
func (x Tensor) Len() int {
	if !x.Valid() {
		return 0
	}
	return int(x.fn().nelements(x.ptr))
}

// Dims returns the number of axes, trailing axes of length 1 left out.
func (x Tensor) Dims() int {
	if !x.Valid() {
		return 0
	}
	return int(x.fn().nDims(x.ptr))
}

// ElementBytes returns the size of an element, or of a block if quantized.
func (x Tensor) ElementBytes() int {
	if !x.Valid() {
		return 0
	}
	return int(x.fn().elementSize(x.ptr))
}

// Contiguous reports whether the elements lie one after the other.
func (x Tensor) Contiguous() bool { return x.Valid() && x.fn().isContiguous(x.ptr) }

// ContiguousRows reports whether the elements of each row do.
func (x Tensor) ContiguousRows() bool { return x.Valid() && x.fn().isContiguousRows(x.ptr) }

// SameShape reports whether x and y have the same shape.
func (x Tensor) SameShape(y Tensor) bool {
	return x.Valid() && y.Valid() && x.fn().areSameShape(x.ptr, y.ptr)
}

// SameStride reports whether x and y are laid out alike in memory.
func (x Tensor) SameStride(y Tensor) bool {
	return x.Valid() && y.Valid() && x.fn().areSameStride(x.ptr, y.ptr)
}

// Op names the operation that makes x.
func (x Tensor) Op() string {
	if !x.Valid() {
		return ""
	}
	return x.fn().opDesc(x.ptr)
}

// Placed reports whether x has memory.
func (x Tensor) Placed() bool { return x.Valid() && x.fn().getData(x.ptr) != 0 }

// Address returns where x's data lies, for kernels of our own; 0 if it has no
// memory. Only data of a CPU buffer may be touched there.
func (x Tensor) Address() uintptr {
	if !x.Valid() {
		return 0
	}
	return uintptr(x.fn().getData(x.ptr))
}

var errNoTensor = fmt.Errorf("bindings: no tensor, or its context: %w", ErrClosed)

// Set copies data into x, offset bytes from its start.
func Set[T any](x Tensor, offset int, data []T) error {
	if !x.Valid() {
		return errNoTensor
	}
	return x.move(x.fn().tensorSet, offset, raw(data))
}

// Get copies into data from x, offset bytes from its start.
func Get[T any](x Tensor, offset int, data []T) error {
	if !x.Valid() {
		return errNoTensor
	}
	return x.move(x.fn().tensorGet, offset, raw(data))
}

// move checks the range, which ggml would end the process for.
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
