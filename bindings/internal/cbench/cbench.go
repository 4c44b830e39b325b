//go:build cgo && unix

// Package cbench computes ggml matrix products from C, for the benchmark that
// compares the doors with it.
package cbench

// #cgo CFLAGS: -Wall -Wextra
// #cgo linux LDFLAGS: -ldl
// #include <stdlib.h>
// #include "cbench.h"
import "C"

import (
	"errors"
	"time"
	"unsafe"

	"github.com/pgcli/paligemma/ggml"
)

// A Product is weights [k, m] times columns [k, n], on threads threads.
type Product struct {
	Type    int32 // ggml's number
	M, K, N int
	Weights []byte
	Columns []float32
	Threads int
}

// A Bench is a prepared product. The caller must Close it.
type Bench struct{ c *C.struct_cbench }

// New prepares p with the ggml of a shared library or, if library is "", with
// the built-in ggml.
func New(library string, p Product) (*Bench, error) {
	var lib *C.char
	if library != "" {
		lib = C.CString(library)
		defer C.free(unsafe.Pointer(lib))
	}
	symbols := ggml.Symbols()
	names, addrs := make([]*C.char, 0, len(symbols)), make([]unsafe.Pointer, 0, len(symbols))
	for name, addr := range symbols {
		c := C.CString(name)
		defer C.free(unsafe.Pointer(c))
		names, addrs = append(names, c), append(addrs, *(*unsafe.Pointer)(unsafe.Pointer(&addr)))
	}
	weights, columns := C.CBytes(p.Weights), C.CBytes(unsafe.Slice((*byte)(unsafe.Pointer(&p.Columns[0])), 4*len(p.Columns)))
	defer C.free(weights)
	defer C.free(columns)
	product := C.struct_cbench_product{
		_type: C.int(p.Type), m: C.int64_t(p.M), k: C.int64_t(p.K), n: C.int64_t(p.N),
		weights: weights, weight_bytes: C.size_t(len(p.Weights)), columns: (*C.float)(columns),
	}
	cNames := (**C.char)(C.malloc(C.size_t(len(names)) * C.size_t(unsafe.Sizeof(uintptr(0)))))
	defer C.free(unsafe.Pointer(cNames))
	copy(unsafe.Slice(cNames, len(names)), names)
	cAddrs := (*unsafe.Pointer)(C.malloc(C.size_t(len(addrs)) * C.size_t(unsafe.Sizeof(uintptr(0)))))
	defer C.free(unsafe.Pointer(cAddrs))
	copy(unsafe.Slice(cAddrs, len(addrs)), addrs)
	b := C.cbench_new(lib, cNames, cAddrs, C.int(len(names)), &product, C.int(p.Threads))
	if b == nil {
		return nil, errors.New("cbench: ggml functions are missing")
	}
	return &Bench{b}, nil
}

// Run computes the product once.
func (b *Bench) Run() (time.Duration, error) {
	ns := C.cbench_run(b.c)
	if ns < 0 {
		return 0, errors.New("cbench: the computation failed")
	}
	return time.Duration(ns), nil
}

// Close frees the product.
func (b *Bench) Close() { C.cbench_free(b.c) }
