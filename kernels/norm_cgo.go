//go:build cgo

package kernels

// #include "norm.h"
import "C"

import "unsafe"

func (n *Norm) c() *C.pg_norm {
	op := &C.pg_norm{
		d: C.int64_t(n.Size), n: C.int64_t(n.Columns),
		x: floats(n.X), x_step: C.int64_t(n.XStep),
		residual: floats(n.Residual), residual_step: C.int64_t(n.ResidualStep),
		w: floats(n.W), b: floats(n.B), eps: C.float(n.Eps),
		out: floats(n.Out), out_step: C.int64_t(n.OutStep),
		level: C.int(n.Level),
	}
	if n.Centered {
		op.centered = 1
	}
	return op
}

func (n *Norm) native(uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	return C.pg_kernel(C.pg_norm_run), unsafe.Pointer(n.c()), C.sizeof_pg_norm
}
