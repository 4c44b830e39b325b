package bindings

import (
	"fmt"

	"github.com/pgcli/paligemma/gguf"
)

// Quantize writes len(src)/rowLen rows of src to dst as type t, with ggml's
// own quantizer. dst must have room for exactly those rows. t is neither F32 nor
// a type of integers. Several calls may quantize rows at the same time.
//
// Values must be finite, because ggml ends the process for some types
// otherwise. The error names the first value that is not.
func (l *Lib) Quantize(t gguf.Type, dst []byte, src []float32, rowLen int) error {
	switch {
	case !Known(t) || t == gguf.F32 || t == gguf.I32 || t == gguf.I64:
		return fmt.Errorf("bindings: quantize to %v: not a type ggml quantizes to", t)
	case rowLen <= 0 || rowLen%t.BlockSize() != 0:
		return fmt.Errorf("bindings: quantize rows of %d to %v: want a multiple of %d", rowLen, t, t.BlockSize())
	case len(src)%rowLen != 0:
		return fmt.Errorf("bindings: quantize %d values in rows of %d: want whole rows", len(src), rowLen)
	case len(dst) != t.RowBytes(rowLen)*(len(src)/rowLen):
		return fmt.Errorf("bindings: quantize %d rows of %d to %v: %d bytes given, want %d",
			len(src)/rowLen, rowLen, t, len(dst), t.RowBytes(rowLen)*(len(src)/rowLen))
	case len(src) == 0:
		return nil
	}
	for i, v := range src {
		if v-v != 0 {
			return fmt.Errorf("bindings: quantize to %v: value %d is %v", t, i, v)
		}
	}
	n := l.fn.quantizeChunk(t, &src[0], &dst[0], 0, int64(len(src)/rowLen), int64(rowLen), nil)
	if int(n) != len(dst) {
		return fmt.Errorf("bindings: quantize to %v wrote %d bytes, want %d", t, n, len(dst))
	}
	return nil
}

// ValidateRows reports whether data holds rows of type t that ggml accepts:
// whole blocks with finite scales.
func (l *Lib) ValidateRows(t gguf.Type, data []byte) bool {
	if !Known(t) || len(data)%t.BlockBytes() != 0 {
		return false
	}
	return len(data) == 0 || l.fn.validateRowData(t, &data[0], uintptr(len(data)))
}
