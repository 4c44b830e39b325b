//go:build cgo

package kernels

// #include "stretch.h"
import "C"

import "unsafe"

// Run computes lines [first, last) of out from all pixels of the source. It needs
// a supported level. Goroutines may compute different lines at once.
func (s *Stretch) Run(out []int32, pixels []uint8, first, last int) {
	s.run(out, pixels, make([]uint8, s.scratch()), first, last)
}

func (s *Stretch) scratch() int {
	return int(C.pg_stretch_scratch(C.int64_t(s.Width), C.int64_t(s.Size)))
}

func (s *Stretch) run(out []int32, pixels, scratch []uint8, first, last int) {
	C.pg_stretch_lines(C.pg_stretch{
		pixels: samples(pixels), width: C.int64_t(s.Width), size: C.int64_t(s.Size),
		columns: s.Columns.c(), lines: s.Lines.c(), out: ints(out),
		scratch: samples(scratch), level: C.int(s.Level),
	}, C.int64_t(first), C.int64_t(last))
}

func (w *Windows) c() C.pg_windows {
	return C.pg_windows{first: ints(w.First), at: ints(w.At), weights: ints(w.Weights)}
}

func ints(s []int32) *C.int32_t { return (*C.int32_t)(unsafe.SliceData(s)) }
