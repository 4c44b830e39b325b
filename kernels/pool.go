//go:build cgo

package kernels

/*
#cgo CFLAGS: -O3 -Wall -Wextra
#cgo LDFLAGS: -lm -lpthread
#include <stdlib.h>
#include "op.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// A Pool is threads that run one kernel after the other. They sleep while
// there is nothing to do.
type Pool struct {
	ptr     *C.pg_pool
	threads int
}

// NewPool starts a pool of threads, the caller of a kernel being one of them.
// The caller must Close it.
func NewPool(threads int) (*Pool, error) {
	if threads < 1 || threads > 1<<10 {
		return nil, fmt.Errorf("kernels: %d threads, want 1 to %d", threads, 1<<10)
	}
	p := C.pg_pool_new(C.int(threads))
	if p == nil {
		return nil, errors.New("kernels: no memory for threads")
	}
	return &Pool{p, threads}, nil
}

// Threads returns the number of threads.
func (p *Pool) Threads() int { return p.threads }

// Stop makes kernels, the one that runs too, end without doing the rest of
// their work, so that results mean nothing; Go lets them work again. Both are
// safe on nil and may be called at any time before Close.
func (p *Pool) Stop() { p.stop(1) }

// Go ends a Stop.
func (p *Pool) Go() { p.stop(0) }

func (p *Pool) stop(stopped C.int) {
	if p != nil {
		C.pg_pool_stop(p.ptr, stopped)
	}
}

// Close ends the threads. No kernel may be running. It is safe on nil and when
// closed.
func (p *Pool) Close() {
	if p != nil && p.ptr != nil {
		C.pg_pool_free(p.ptr)
		p.ptr = nil
	}
}

// A Node is a kernel as a node of a ggml graph.
type Node struct {
	node *C.pg_node
	op   unsafe.Pointer // C memory of size bytes
	size C.size_t
}

// An Op describes what a kernel does, with the addresses of what it works on.
type Op interface {
	// native returns the kernel and its description, which is copied.
	native(scratch uintptr) (kernel C.pg_kernel, op unsafe.Pointer, size C.size_t)

	// Scratch returns the bytes of memory that the kernel needs beside, which may
	// be shared with other kernels of the same graph.
	Scratch() int
}

// NewNode makes a node without a description. The caller must Free it after
// the graph.
func (p *Pool) NewNode() *Node {
	n := (*C.pg_node)(C.calloc(1, C.sizeof_pg_node))
	n.pool = p.ptr
	return &Node{node: n}
}

// Callback and UserData are what ggml_custom_4d takes.
func Callback() uintptr { return uintptr(C.pg_node_run) }

// UserData is the address to pass to Callback.
func (n *Node) UserData() uintptr { return uintptr(unsafe.Pointer(n.node)) }

// Set gives the node its description and what op.Scratch asked for.
func (n *Node) Set(op Op, scratch Memory) {
	kernel, p, size := op.native(scratch.address())
	if size > n.size {
		C.free(n.op)
		n.op, n.size = C.malloc(size), size
	}
	// Not by C.memcpy: an address may be that of Go memory, such as a file that a
	// program brings along, which the caller keeps alive and Go does not move.
	copy(unsafe.Slice((*byte)(n.op), size), unsafe.Slice((*byte)(p), size))
	n.node.kernel, n.node.op = kernel, n.op
}

// pointer is an address of C memory as C wants it.
func pointer(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

func floats(address uintptr) *C.float { return (*C.float)(pointer(address)) }

// Free frees the node. It is safe on nil.
func (n *Node) Free() {
	if n != nil && n.node != nil {
		C.free(n.op)
		C.free(unsafe.Pointer(n.node))
		n.node, n.op = nil, nil
	}
}
