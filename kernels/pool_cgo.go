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

// NewPool starts a pool of threads, the caller of a kernel being one of them. It
// fails for fewer than 1 or more than 1024 threads. The caller must Close it.
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

// Stop makes kernels, including one that is running, end without doing the rest of
// their work, so that their results mean nothing; Go lets them work again. Both are
// safe on nil and may be called at any time before Close.
func (p *Pool) Stop() { p.stop(1) }

// Go ends a Stop.
func (p *Pool) Go() { p.stop(0) }

func (p *Pool) stop(stopped C.int) {
	if p != nil {
		C.pg_pool_stop(p.ptr, stopped)
	}
}

// Close ends the threads. No kernel may be running. Close is safe on nil and on a
// closed pool.
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

// An Op describes the work of a kernel, with the addresses of its operands.
type Op interface {
	// native returns the kernel and its description, which is copied.
	native(scratch uintptr) (kernel C.pg_kernel, op unsafe.Pointer, size C.size_t)

	// Scratch returns the bytes of scratch memory that the kernel needs. Kernels of
	// one graph may share it.
	Scratch() int
}

// NewNode makes a node that has no Op yet. The caller must Free it after the graph.
func (p *Pool) NewNode() *Node {
	n := (*C.pg_node)(C.calloc(1, C.sizeof_pg_node))
	n.pool = p.ptr
	return &Node{node: n}
}

// Callback returns the address of the function that ggml_custom_4d takes.
func Callback() uintptr { return uintptr(C.pg_node_run) }

// UserData returns the address that ggml_custom_4d passes to Callback.
func (n *Node) UserData() uintptr { return uintptr(unsafe.Pointer(n.node)) }

// Set gives the node its Op, and op.Scratch bytes of scratch memory.
func (n *Node) Set(op Op, scratch Memory) {
	kernel, p, size := op.native(scratch.address())
	if size > n.size {
		C.free(n.op)
		n.op, n.size = C.malloc(size), size
	}
	// Not by C.memcpy, which cgo refuses if an address is that of Go memory, such as
	// an embedded file; the caller keeps such memory alive, and Go does not move it.
	copy(unsafe.Slice((*byte)(n.op), size), unsafe.Slice((*byte)(p), size))
	n.node.kernel, n.node.op = kernel, n.op
}

// pointer converts an address. The memory is C memory, or the caller keeps it alive.
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

// run computes op on the threads of the pool.
func (p *Pool) run(op Op, scratch Memory) {
	n := p.NewNode()
	defer n.Free()
	n.Set(op, scratch)
	C.pg_node_run(nil, 0, 1, unsafe.Pointer(n.node))
}
