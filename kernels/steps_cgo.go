//go:build cgo

package kernels

// #include "steps.h"
import "C"

import "unsafe"

func (s *Steps) c(scratch uintptr) *C.pg_steps {
	i := func(n int) C.int64_t { return C.int64_t(n) }
	op := &C.pg_steps{
		n: i(s.N), heads: i(s.Heads), key_heads: i(s.KeyHeads), e: i(s.HeadDim), scale: C.float(s.Scale), softcap: C.float(s.Softcap),
		q: floats(s.Q), k: floats(s.K), v: floats(s.V),
		q_head: i(s.QHead), q_token: i(s.QToken), k_head: i(s.KHead), k_token: i(s.KToken), v_head: i(s.VHead), v_token: i(s.VToken),
		caches: (*C.int64_t)(pointer(s.Caches)), places: (*C.pg_place)(pointer(s.Places)),
		tokens: i(s.Tokens), keys: C.size_t(s.Keys), values: C.size_t(s.Values),
		out: floats(s.Out), out_token: i(s.OutToken), level: C.int(s.Level), scratch: pointer(scratch),
	}
	if s.Half {
		op.half = 1
	}
	return op
}

func (s *Steps) native(scratch uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	return C.pg_kernel(C.pg_steps_run), unsafe.Pointer(s.c(scratch)), C.sizeof_pg_steps
}

// Scratch implements Op.
func (s *Steps) Scratch() int {
	op := s.c(0)
	op.q, op.k, op.v, op.caches, op.places, op.out = nil, nil, nil, nil, nil, nil // see Linear.shape
	return int(C.pg_steps_scratch(op, C.int(s.Threads)))
}
