package bindings

import (
	"fmt"
	"unsafe"
)

// A Tensor describes data in a Buffer; the description lies in a Context. It is
// valid until the context is closed. The zero Tensor is not valid. The methods
// of a tensor that is not valid return 0, "" or false.
type Tensor struct {
	ctx *Context
	ptr tensorPtr
}

// Valid reports whether x is a tensor of an open context.
func (x Tensor) Valid() bool { return x.ptr != 0 && x.ctx.ptr != 0 }

// fn returns the function table of x's library.
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

// Bytes returns the size of x's data in bytes.
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

// Contiguous reports whether the elements lie one after the other.
func (x Tensor) Contiguous() bool { return x.Valid() && x.fn().isContiguous(x.ptr) }

// ContiguousRows reports whether the elements of each row lie one after the
// other.
func (x Tensor) ContiguousRows() bool { return x.Valid() && x.fn().isContiguousRows(x.ptr) }

// Op names the operation that makes x.
func (x Tensor) Op() string {
	if !x.Valid() {
		return ""
	}
	return x.fn().opDesc(x.ptr)
}

// Placed reports whether x has memory.
func (x Tensor) Placed() bool { return x.Valid() && x.fn().getData(x.ptr) != 0 }

// Address returns the address of x's data, for package kernels; 0 if x has no
// memory. Only the address of data in a CPU buffer can be read or written.
func (x Tensor) Address() uintptr {
	if !x.Valid() {
		return 0
	}
	return uintptr(x.fn().getData(x.ptr))
}

// Host views x's data, which must be in a CPU buffer, until the buffer is closed. It
// returns nil if x has no memory.
func (x Tensor) Host() []byte {
	address := x.Address()
	if address == 0 {
		return nil
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), x.Bytes())
}

var errNoTensor = fmt.Errorf("bindings: no tensor, or its context: %w", ErrClosed)

// Set copies data into x, from offset bytes after its start on.
func Set[T any](x Tensor, offset int, data []T) error {
	if !x.Valid() {
		return errNoTensor
	}
	return x.move(x.fn().tensorSet, offset, raw(data))
}

// Get fills data from x, from offset bytes after its start on.
func Get[T any](x Tensor, offset int, data []T) error {
	if !x.Valid() {
		return errNoTensor
	}
	return x.move(x.fn().tensorGet, offset, raw(data))
}

// move checks the range and copies. ggml would end the process for a range beyond
// the tensor.
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
