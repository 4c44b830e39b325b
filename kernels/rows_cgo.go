//go:build cgo

package kernels

// #include "rows.h"
import "C"

import (
	"unsafe"

	"github.com/pgcli/paligemma/gguf"
)

// RowsSupported reports whether Rows reads rows of k values of a type.
func RowsSupported(typ gguf.Type, k int) bool {
	return C.pg_rows_supported(C.int(typ), C.int64_t(k)) != 0
}

func (r *Rows) c(scratch uintptr) *C.pg_rows {
	op := &C.pg_rows{
		_type: C.int(r.Type), k: C.int64_t(r.K), first: C.int64_t(r.First), last: C.int64_t(r.Last),
		rows: pointer(r.Data), row_bytes: C.size_t(r.RowBytes), n: C.int64_t(max(r.N, 1)), x: floats(r.X), x_stride: C.int64_t(r.XStride), y: floats(r.Y), y_stride: C.int64_t(r.YStride),
		stats: (*C.pg_run_stats)(pointer(r.Stats)), runs: (*C.int32_t)(pointer(r.Runs)), picks: C.int64_t(r.Picks),
		softcap: C.float(r.Softcap), level: C.int(r.Level), scratch: pointer(scratch),
	}
	if r.Precise {
		op.precise = 1
	}
	return op
}

// Scratch implements Op.
func (r *Rows) Scratch() int {
	op := r.c(0)
	op.rows, op.x, op.y, op.stats, op.runs = nil, nil, nil, nil, nil // see Linear.shape
	return int(C.pg_rows_scratch(op, C.int(r.Threads)))
}

func (r *Rows) native(scratch uintptr) (C.pg_kernel, unsafe.Pointer, C.size_t) {
	return C.pg_kernel(C.pg_rows_run), unsafe.Pointer(r.c(scratch)), C.sizeof_pg_rows
}
