//go:build cgo

package kernels

// #include "rope.h"
import "C"

import "unsafe"

func (r *RoPE) native(uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	op := &C.pg_rope{
		e: C.int64_t(r.HeadDim), heads: C.int64_t(r.Heads), n: C.int64_t(r.Tokens),
		x: floats(r.X), x_head: C.int64_t(r.XHead), x_token: C.int64_t(r.XToken),
		positions: (*C.int32_t)(pointer(r.Positions)), base: C.float(r.Base),
		out: floats(r.Out), out_head: C.int64_t(r.OutHead), out_token: C.int64_t(r.OutToken), level: C.int(r.Level),
	}
	return C.pg_kernel(C.pg_rope_run), unsafe.Pointer(op), C.sizeof_pg_rope
}
