package gguf

import "encoding/binary"

// FirstNotFinite returns the index of the first infinity or NaN among the F32, F16 or
// BF16 values of raw; -1 if all are finite. An infinity and a NaN have an exponent of
// ones. A partial element at the end is ignored.
func FirstNotFinite(raw []byte, t Type) int {
	switch t {
	case F32:
		for i := 0; i+4 <= len(raw); i += 4 {
			if binary.LittleEndian.Uint32(raw[i:])&0x7f800000 == 0x7f800000 {
				return i / 4
			}
		}
		return -1
	case BF16:
		return first16(raw, 0x7f80)
	}
	return first16(raw, 0x7c00)
}

// first16 returns the index of the first 16-bit value that has all bits of
// exponent set. It looks at four at a time: adding the lowest bit of the
// exponent carries into the sign exactly if all of the exponent is set.
func first16(raw []byte, exponent uint16) int {
	const lanes = 0x0001_0001_0001_0001
	mask := uint64(exponent) * lanes
	one := uint64(exponent&-exponent) * lanes
	i := 0
	for ; i+8 <= len(raw); i += 8 {
		if (binary.LittleEndian.Uint64(raw[i:])&mask+one)&(0x8000*lanes) != 0 {
			break
		}
	}
	for ; i+2 <= len(raw); i += 2 {
		if binary.LittleEndian.Uint16(raw[i:])&exponent == exponent {
			return i / 2
		}
	}
	return -1
}
