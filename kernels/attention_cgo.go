//go:build cgo

package kernels

// #include "attention.h"
import "C"

import "unsafe"

func (a *Attention) c(scratch uintptr) *C.pg_attention {
	i := func(n int) C.int64_t { return C.int64_t(n) }
	op := &C.pg_attention{
		queries: i(a.Queries), keys: i(a.Keys), heads: i(a.Heads), key_heads: i(a.KeyHeads), e: i(a.HeadDim),
		scale: C.float(a.Scale), softcap: C.float(a.Softcap),
		q: floats(a.Q), q_head: i(a.QHead), q_token: i(a.QToken),
		k: pointer(a.K), v: pointer(a.V), k_head: i(a.KHead), k_token: i(a.KToken),
		v_head: i(a.VHead), v_token: i(a.VToken), v_channel: i(a.VChannel),
		mask: floats(a.Mask), mask_query: i(a.MaskQuery),
		out: floats(a.Out), out_token: i(a.OutToken),
		level: C.int(a.Level), scratch: pointer(scratch),
	}
	if a.Half {
		op.half = 1
	}
	return op
}

func (a *Attention) native(scratch uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	return C.pg_kernel(C.pg_attention_run), unsafe.Pointer(a.c(scratch)), C.sizeof_pg_attention
}

// Scratch implements Op.
func (a *Attention) Scratch() int { return int(C.pg_attention_scratch(a.c(0), C.int(a.Threads))) }
