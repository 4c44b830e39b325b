package gguf

import (
	"encoding/binary"
	"math"
)

// The conversions below work on the bytes of F32, F16 and BF16 tensors, which
// are little-endian and need no alignment. Encoding rounds to nearest, ties to
// even, and keeps NaN a NaN; decoding is exact. A partial element at the end of
// src is ignored. They panic when src is longer than dst has room for.

// DecodeF32 reads the 4-byte floats of src into dst.
func DecodeF32(dst []float32, src []byte) {
	dst = dst[:len(src)/4]
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

// EncodeF32 writes src into dst, 4 bytes each.
func EncodeF32(dst []byte, src []float32) {
	dst = dst[:4*len(src)]
	for i, v := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
	}
}

// DecodeF16 reads the 2-byte IEEE half floats of src into dst.
func DecodeF16(dst []float32, src []byte) {
	dst = dst[:len(src)/2]
	for i := range dst {
		dst[i] = fromF16(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// EncodeF16 writes src into dst as half floats, 2 bytes each. Values beyond
// ±65504 round to infinity from ±65520 on.
func EncodeF16(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], toF16(v))
	}
}

// DecodeBF16 reads the 2-byte bfloat16 of src into dst.
func DecodeBF16(dst []float32, src []byte) {
	dst = dst[:len(src)/2]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// EncodeBF16 writes src into dst as bfloat16, 2 bytes each.
func EncodeBF16(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], toBF16(v))
	}
}

const (
	f32Inf = 0xff << 23
	// The exponent bias is 127 in float32 and 15 in half floats.
	rebias = (127 - 15) << 23
	// The smallest normal half float and the first power of two too large.
	f16MinNormal = (127 - 14) << 23
	f16Overflow  = (127 + 16) << 23
)

// fromF16 moves the fields of a half float to their places in a float32.
func fromF16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	mag := uint32(h & 0x7fff)
	switch {
	case mag >= 0x7c00: // infinity, NaN
		return math.Float32frombits(sign | f32Inf | mag<<13)
	case mag >= 0x0400:
		return math.Float32frombits(sign | (mag<<13 + rebias))
	default: // subnormal: a multiple of 2^-24, exact in float32
		return math.Float32frombits(sign | math.Float32bits(float32(mag)*0x1p-24))
	}
}

// toF16 rounds as toBF16 does, after changing the bias of the exponent.
func toF16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	mag := b & 0x7fffffff
	switch {
	case mag > f32Inf: // quiet the NaN, so that a short payload is no infinity
		return sign | 0x7e00 | uint16(mag>>13&0x3ff)
	case mag >= f16Overflow:
		return sign | 0x7c00
	case mag < f16MinNormal:
		// Between 0.5 and 1 float32 has a spacing of 2^-24, as subnormals have:
		// the addition rounds, and leaves the code in the low bits.
		return sign | uint16(math.Float32bits(math.Float32frombits(mag)+0.5)-math.Float32bits(0.5))
	default: // a carry moves into the exponent, up to infinity
		return sign | uint16((mag+0xfff+mag>>13&1-rebias)>>13)
	}
}

// toBF16 adds half of the last kept bit, less one where that bit is 0: ties
// then fall on the even code. A carry into the exponent is right, up to
// infinity; of a NaN it would make another number.
func toBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > f32Inf {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
