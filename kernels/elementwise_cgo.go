//go:build cgo

package kernels

// #include "elementwise.h"
import "C"

import "unsafe"

func (s *Sum) native(uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	op := &C.pg_sum{n: C.int64_t(s.Len), a: floats(s.A), b: floats(s.B), out: floats(s.Out), level: C.int(s.Level)}
	return C.pg_kernel(C.pg_sum_run), unsafe.Pointer(op), C.sizeof_pg_sum
}

func (u *Unfold) native(uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	op := &C.pg_unfold{
		w: C.int64_t(u.W), h: C.int64_t(u.H), channels: C.int64_t(u.Channels), side: C.int64_t(u.Side),
		image: floats(u.Image), out: floats(u.Out), step: C.int64_t(u.Step),
	}
	return C.pg_kernel(C.pg_unfold_run), unsafe.Pointer(op), C.sizeof_pg_unfold
}
