//go:build cgo

package kernels

// #include "pack.h"
import "C"

import (
	"unsafe"

	"github.com/pgcli/paligemma/gguf"
)

// Packable reports whether matrices of m rows of k values of a type can be packed.
func Packable(typ gguf.Type, k, m int) bool {
	return C.pg_packable(C.int(typ), C.int64_t(k), C.int64_t(m)) != 0
}

// PackedBytes returns the size of a packed matrix, a multiple of 64.
func PackedBytes(typ gguf.Type, k, m int) int {
	return int(C.pg_packed_bytes(C.int(typ), C.int64_t(k), C.int64_t(m)))
}

// Panels returns the number of panels that m rows are packed into.
func Panels(m int) int { return int(C.pg_panels(C.int64_t(m))) }

// Pack fills panels [first, last) from rows, the whole matrix in ggml's layout.
// Goroutines may pack different panels at once.
func (w *Matrix) Pack(rows []byte, first, last int) {
	C.pg_pack(C.int(w.Type), C.int64_t(w.K), C.int64_t(w.M), unsafe.Pointer(unsafe.SliceData(rows)),
		pointer(w.Packed.address()), C.int64_t(first), C.int64_t(last))
}

// blockOf returns the columns and bytes of a type's block in the list of pack.h,
// zeros if it is not there.
func blockOf(typ gguf.Type) (columns, bytes int) {
	f := C.pg_format_of(C.int(typ))
	if f == nil {
		return 0, 0
	}
	return int(f.block), int(f.bytes)
}
