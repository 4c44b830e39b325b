//go:build cgo

package kernels

// #include "limits.h"
import "C"

import (
	"time"
	"unsafe"
)

// A limit is the Op of one measurement.
type limit struct {
	kernel C.pg_kernel
	c      C.pg_limit
}

func (l *limit) Scratch() int { return 0 }

func (l *limit) native(uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	return l.kernel, unsafe.Pointer(&l.c), C.sizeof_pg_limit
}

// Limits measures the limits of the pool at a level, in about half a second, with
// 1 GiB of memory.
func (p *Pool) Limits(level Level) (Limits, error) { return p.limits(level, 1<<30, p.threads*4<<20, 5) }

// limits measures with some bytes of memory and rounds of products, several times.
func (p *Pool) limits(level Level, bytes, rounds, tries int) (Limits, error) {
	memory, err := Alloc(bytes)
	if err != nil {
		return Limits{}, err
	}
	defer memory.Free()
	clear(memory)
	best := func(kernel C.pg_kernel, work float64) (most float64) {
		if work == 0 {
			return 0
		}
		op := &limit{kernel, C.pg_limit{level: C.int(level), rounds: C.int64_t(rounds), memory: (*C.char)(pointer(memory.address())), bytes: C.size_t(bytes)}}
		for range tries {
			start := time.Now()
			p.run(op, nil)
			most = max(most, work/time.Since(start).Seconds())
		}
		return most
	}
	steps := 2 * float64(rounds*C.PG_LIMIT_STEPS)
	return Limits{
		Int8:   best(C.pg_kernel(C.pg_limit_int8), steps*float64(C.pg_limit_int8_width(C.int(level)))),
		Float:  best(C.pg_kernel(C.pg_limit_float), steps*float64(C.pg_limit_float_width(C.int(level)))),
		BFloat: best(C.pg_kernel(C.pg_limit_bfloat), steps*float64(C.pg_limit_bfloat_width(C.int(level)))),
		Read:   best(C.pg_kernel(C.pg_limit_read), float64(bytes)),
	}, nil
}
