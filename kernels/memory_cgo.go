//go:build cgo

package kernels

// #include "memory.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Memory is memory outside Go's heap, aligned for kernels.
type Memory []byte

// Alloc returns size bytes of arbitrary content. The caller must Free them.
func Alloc(size int) (Memory, error) {
	p := C.pg_alloc(C.size_t(size))
	if p == nil {
		return nil, fmt.Errorf("kernels: no memory for %d bytes", size)
	}
	return unsafe.Slice((*byte)(p), AllocBytes(size))[:size], nil
}

// AllocBytes returns the bytes that Alloc takes for size bytes.
func AllocBytes(size int) int { return int(C.pg_alloc_size(C.size_t(size))) }

// Bytes returns the bytes that the memory takes.
func (m Memory) Bytes() int { return cap(m) }

// Free gives the memory back. It is safe on nil.
func (m Memory) Free() { C.pg_free(unsafe.Pointer(unsafe.SliceData(m))) }

func (m Memory) address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(m))) }
