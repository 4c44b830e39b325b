//go:build cgo

package kernels

// #include "product.h"
import "C"

import "unsafe"

func (l *Linear) c(scratch uintptr) *C.pg_linear {
	op := &C.pg_linear{
		x: floats(l.X), k: C.int64_t(l.Out[0].W.K), n: C.int64_t(l.N), x_stride: C.int64_t(l.Stride),
		weights: C.int(len(l.Out)), epilogue: C.int(l.Epilogue), level: C.int(l.Level), scratch: pointer(scratch),
	}
	if l.Precise {
		op.precise = 1
	}
	if l.Uniform {
		op.uniform = 1
	}
	if l.Norm != nil {
		op.normed, op.norm = 1, *l.Norm.c()
	}
	op.residual, op.residual_stride = floats(l.Residual), C.int64_t(l.ResidualStride)
	for i, out := range l.Out {
		op.out[i].w = C.pg_matrix{C.int(out.W.Type), C.int64_t(out.W.K), C.int64_t(out.W.M), pointer(out.W.Packed.address())}
		op.out[i].bias = floats(out.Bias)
		op.out[i].y = floats(out.Y)
		op.out[i].y_stride = C.int64_t(out.Stride)
	}
	return op
}

// shape is c without the addresses: cgo refuses those that may point to Go memory.
func (l *Linear) shape() *C.pg_linear {
	op := l.c(0)
	op.x, op.residual = nil, nil
	op.norm = C.pg_norm{}
	for i := range op.out {
		op.out[i].bias, op.out[i].y = nil, nil
	}
	return op
}

// Scratch implements Op.
func (l *Linear) Scratch() int { return int(C.pg_linear_scratch(l.shape(), C.int(l.Threads))) }

func (l *Linear) native(scratch uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	return C.pg_kernel(C.pg_linear_run), unsafe.Pointer(l.c(scratch)), C.sizeof_pg_linear
}

// Scratch implements Op.
func (m *MLP) Scratch() int {
	return int(C.pg_mlp_scratch(&C.pg_mlp{up: *m.Up.shape(), down: *m.Down.shape()}, C.int(m.Up.Threads)))
}

func (m *MLP) native(scratch uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	op := &C.pg_mlp{up: *m.Up.c(scratch), down: *m.Down.c(0)}
	return C.pg_kernel(C.pg_mlp_run), unsafe.Pointer(op), C.sizeof_pg_mlp
}
