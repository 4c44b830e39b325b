//go:build cgo

package kernels

// #include "pack.h"
// #include "rows.h"
import "C"

import "unsafe"

// Packable reports whether matrices of m rows of k of a ggml type can be
// packed.
func Packable(typ, k, m int) bool {
	return C.pg_packable(C.int(typ), C.int64_t(k), C.int64_t(m)) != 0
}

// PackedBytes returns the size of a packed matrix, a multiple of 64.
func PackedBytes(typ, k, m int) int {
	return int(C.pg_packed_bytes(C.int(typ), C.int64_t(k), C.int64_t(m)))
}

// Panels returns how many panels m rows are packed into.
func Panels(m int) int { return int(C.pg_panels(C.int64_t(m))) }

// Pack fills panels [first, last) from rows, the whole matrix in ggml's
// layout. Goroutines may pack different panels at once.
func (w *Matrix) Pack(rows []byte, first, last int) {
	C.pg_pack(C.int(w.Type), C.int64_t(w.K), C.int64_t(w.M), unsafe.Pointer(unsafe.SliceData(rows)),
		pointer(w.Packed.address()), C.int64_t(first), C.int64_t(last))
}

// RowsSupported reports whether Rows reads rows of k of a ggml type.
func RowsSupported(typ, k int) bool { return C.pg_rows_supported(C.int(typ), C.int64_t(k)) != 0 }
