package convert

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/pgcli/paligemma/gguf"
)

// decode reads plain values into dst.
func decode(dst []float32, src []byte, t gguf.Type) {
	switch t {
	case gguf.F32:
		gguf.DecodeF32(dst, src)
	case gguf.F16:
		gguf.DecodeF16(dst, src)
	case gguf.BF16:
		gguf.DecodeBF16(dst, src)
	default:
		panic(fmt.Sprintf("convert: decode %v", t)) // readers let no other type through
	}
}

// encode writes src as plain values.
func encode(dst []byte, src []float32, t gguf.Type) {
	switch t {
	case gguf.F32:
		gguf.EncodeF32(dst, src)
	case gguf.F16:
		gguf.EncodeF16(dst, src)
	case gguf.BF16:
		gguf.EncodeBF16(dst, src)
	default:
		panic(fmt.Sprintf("convert: encode %v", t))
	}
}

// limitOf returns the bits of the largest float32 that F32, F16 or BF16 can hold.
func limitOf(t gguf.Type) uint32 {
	switch t {
	case gguf.F32:
		return math.Float32bits(math.MaxFloat32)
	case gguf.BF16:
		return 0x7f7f7fff // half a step below infinity
	}
	return math.Float32bits(65520) - 1 // rounds down to 65504, the largest half float
}

// firstBeyond returns the index of the first value whose magnitude is above the
// limit, or which is NaN; -1 if all are within the limit.
func firstBeyond(values []float32, limit uint32) int {
	for i, v := range values {
		if math.Float32bits(v)&0x7fffffff > limit { // NaN has the largest bits of all
			return i
		}
	}
	return -1
}

// gather copies elements of size bytes, 2 or 4, from a slice into rows: the element
// in row r and column c comes from index rows[r]+cols[c].
//
// Read one by one, a transposed row takes a single element from each cache
// line. So a square tile goes through a buffer: lines are copied into it whole,
// and its columns are read from there.
func gather(dst, src []byte, rows, cols []int, size int) {
	const side = 32
	var tile [side * side * 4]byte
	for len(rows) > 0 {
		n := min(side, len(rows))
		for n > 1 && rows[n-1]-rows[0] != n-1 { // where the rows of a head end
			n--
		}
		for at := 0; at < len(cols); at += side {
			part := cols[at:min(at+side, len(cols))]
			for i, col := range part {
				copy(tile[i*side*size:], src[(rows[0]+col)*size:][:n*size])
			}
			if size == 2 {
				turn16(dst[at*2:], tile[:], n, len(part), len(cols), side)
			} else {
				turn32(dst[at*4:], tile[:], n, len(part), len(cols), side)
			}
		}
		dst, rows = dst[n*len(cols)*size:], rows[n:]
	}
}

// turn16 writes the columns of a tile, whose rows are side elements apart, as
// rows that are width elements apart.
func turn16(dst, tile []byte, rows, cols, width, side int) {
	for r := range rows {
		row, from := dst[2*r*width:][:2*cols], tile[2*r:]
		for c := range cols {
			binary.LittleEndian.PutUint16(row[2*c:], binary.LittleEndian.Uint16(from[2*c*side:]))
		}
	}
}

// turn32 is turn16 for elements of 4 bytes.
func turn32(dst, tile []byte, rows, cols, width, side int) {
	for r := range rows {
		row, from := dst[4*r*width:][:4*cols], tile[4*r:]
		for c := range cols {
			binary.LittleEndian.PutUint32(row[4*c:], binary.LittleEndian.Uint32(from[4*c*side:]))
		}
	}
}
