//go:build cgo

package kernels

// #include "rope.h"
import "C"

import "unsafe"

func (p *Places) c() C.pg_rows_of {
	out := C.pg_rows_of{
		to: pointer(p.To), row: C.int64_t(p.Row), channel: C.int64_t(p.Channel),
		size: C.int64_t(p.Size), start: C.int64_t(p.Start), places: (*C.int64_t)(pointer(p.Rows)),
	}
	if p.Half {
		out.half = 1
	}
	return out
}

func (r *RoPE) native(uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	op := &C.pg_rope{
		e: C.int64_t(r.HeadDim), heads: C.int64_t(r.Heads), n: C.int64_t(r.Tokens),
		x: floats(r.X), x_head: C.int64_t(r.XHead), x_token: C.int64_t(r.XToken),
		positions: (*C.int32_t)(pointer(r.Positions)), base: C.float(r.Base),
		out: r.Out.c(), out_head: C.int64_t(r.OutHead), level: C.int(r.Level),
	}
	return C.pg_kernel(C.pg_rope_run), unsafe.Pointer(op), C.sizeof_pg_rope
}

func (s *Store) native(uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	op := &C.pg_store{
		d: C.int64_t(s.Size), n: C.int64_t(s.Tokens), x: floats(s.X), x_token: C.int64_t(s.XToken),
		out: s.Out.c(), level: C.int(s.Level),
	}
	return C.pg_kernel(C.pg_store_run), unsafe.Pointer(op), C.sizeof_pg_store
}
