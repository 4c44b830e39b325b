package bindings

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// Plain definitions of the tensor types, independent of ggml: encode rounds
// values to a type, decode gives the exact values that bytes stand for.

var little = binary.LittleEndian

func encode(t gguf.Type, v []float64) []byte {
	var b []byte
	switch t {
	case gguf.F32:
		for _, x := range v {
			b = little.AppendUint32(b, math.Float32bits(float32(x)))
		}
	case gguf.F16:
		for _, x := range v {
			b = little.AppendUint16(b, toF16(x))
		}
	case gguf.BF16:
		for _, x := range v {
			b = little.AppendUint16(b, toBF16(x))
		}
	case gguf.I32:
		for _, x := range v {
			b = little.AppendUint32(b, uint32(int32(x)))
		}
	case gguf.I64:
		for _, x := range v {
			b = little.AppendUint64(b, uint64(int64(x)))
		}
	case gguf.Q8_0:
		for i := 0; i < len(v); i += 32 {
			b = appendQ8_0(b, v[i:i+32])
		}
	case gguf.Q4_0:
		for i := 0; i < len(v); i += 32 {
			b = appendQ4_0(b, v[i:i+32])
		}
	default:
		panic("encode to " + t.String())
	}
	return b
}

func decode(t gguf.Type, b []byte) []float64 {
	var v []float64
	for n := t.BlockBytes(); len(b) > 0; b = b[n:] {
		switch t {
		case gguf.F32:
			v = append(v, float64(math.Float32frombits(little.Uint32(b))))
		case gguf.F16:
			v = append(v, fromF16(little.Uint16(b)))
		case gguf.BF16:
			v = append(v, float64(math.Float32frombits(uint32(little.Uint16(b))<<16)))
		case gguf.I32:
			v = append(v, float64(int32(little.Uint32(b))))
		case gguf.I64:
			v = append(v, float64(int64(little.Uint64(b))))
		case gguf.Q8_0:
			for _, q := range b[2:34] {
				v = append(v, fromF16(little.Uint16(b))*float64(int8(q)))
			}
		case gguf.Q4_0:
			v = appendFromQ4_0(v, b)
		case gguf.Q4_K:
			v = appendFromQ4_K(v, b)
		case gguf.Q6_K:
			v = appendFromQ6_K(v, b)
		default:
			panic("decode from " + t.String())
		}
	}
	return v
}

// round gives the values that v has after a trip through type t.
func round(t gguf.Type, v []float64) []float64 { return decode(t, encode(t, v)) }

// toF16 rounds to nearest, ties to even.
func toF16(x float64) uint16 {
	var sign uint16
	if math.Signbit(x) {
		sign = 1 << 15
	}
	x = math.Abs(x)
	switch {
	case x >= 65520:
		return sign | 0x7c00
	case x == 0:
		return sign
	}
	_, e := math.Frexp(x)
	e = max(e-1, -14)
	q := uint16(math.RoundToEven(math.Ldexp(x, 10-e))) // in units of the last place
	if q < 1<<10 {
		return sign | q // subnormal
	}
	return sign | (uint16(e+15)<<10 + q - 1<<10)
}

func fromF16(h uint16) float64 {
	e, m := int(h>>10&31), float64(h&1023)
	x := math.Ldexp(m+1024, e-25)
	switch {
	case e == 0:
		x = math.Ldexp(m, -24)
	case e == 31 && m == 0:
		x = math.Inf(1)
	case e == 31:
		x = math.NaN()
	}
	return math.Copysign(x, 1-2*float64(h>>15))
}

// toBF16 rounds to nearest, ties to even.
func toBF16(x float64) uint16 {
	b := math.Float32bits(float32(x))
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// appendQ8_0: a float16 scale, then 32 signed bytes.
func appendQ8_0(b []byte, v []float64) []byte {
	var largest float32
	for _, x := range v {
		largest = max(largest, float32(math.Abs(x)))
	}
	d := largest / 127
	var inverse float32
	if d != 0 {
		inverse = 1 / d
	}
	b = little.AppendUint16(b, toF16(float64(d)))
	for _, x := range v {
		b = append(b, byte(int8(math.Round(float64(float32(x)*inverse)))))
	}
	return b
}

// appendQ4_0: a float16 scale, the value of largest magnitude over -8, then
// 4-bit values plus 8, the first half of the block in the low bits.
func appendQ4_0(b []byte, v []float64) []byte {
	var extreme float32
	for _, x := range v {
		if math.Abs(x) > math.Abs(float64(extreme)) {
			extreme = float32(x)
		}
	}
	d := extreme / -8
	var inverse float32
	if d != 0 {
		inverse = 1 / d
	}
	q := func(x float64) byte { return min(15, byte(int8(float32(x)*inverse+8.5))) }
	b = little.AppendUint16(b, toF16(float64(d)))
	for i := range 16 {
		b = append(b, q(v[i])|q(v[i+16])<<4)
	}
	return b
}

func appendFromQ4_0(v []float64, b []byte) []float64 {
	d := fromF16(little.Uint16(b))
	for half := range 2 {
		for _, q := range b[2:18] {
			v = append(v, d*float64(int(q>>(4*half)&15)-8))
		}
	}
	return v
}

// appendFromQ4_K: scale and minimum in float16, 8 pairs of 6-bit factors, 256
// 4-bit values in 4 runs of 64, low halves first.
func appendFromQ4_K(v []float64, b []byte) []float64 {
	d, dmin := fromF16(little.Uint16(b)), fromF16(little.Uint16(b[2:]))
	s, q := b[4:16], b[16:144]
	for i := range 8 {
		scale, low := s[i%4]&63, s[i%4+4]&63
		if i >= 4 {
			scale = s[i+4]&15 | s[i-4]>>6<<4
			low = s[i+4]>>4 | s[i]>>6<<4
		}
		for _, x := range q[i/2*32 : i/2*32+32] {
			v = append(v, d*float64(scale)*float64(x>>(4*(i%2))&15)-dmin*float64(low))
		}
	}
	return v
}

// appendFromQ6_K: low 4 bits, high 2 bits, 16 signed factors, a float16 scale;
// two halves of 128 values, each of four runs of 32.
func appendFromQ6_K(v []float64, b []byte) []float64 {
	d := fromF16(little.Uint16(b[208:]))
	for i := range 256 {
		half, run, j := i/128, i%128/32, i%32
		low := b[half*64+run%2*32+j] >> (run / 2 * 4) & 15
		high := b[128+half*32+j] >> (run * 2) & 3
		factor := int8(b[192+half*8+run*2+j/16])
		v = append(v, d*float64(factor)*float64(int(low|high<<4)-32))
	}
	return v
}

func TestF16Definition(t *testing.T) {
	for h := range 1 << 16 {
		x := fromF16(uint16(h))
		if !math.IsNaN(x) && toF16(x) != uint16(h) {
			t.Fatalf("%#04x is %v, which rounds to %#04x", h, x, toF16(x))
		}
	}
	for x, want := range map[float64]uint16{1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00,
		1 + 1.0/2048: 0x3c00, 1 + 3.0/2048: 0x3c02, 0x1p-25: 0, 0x1.8p-25: 1} {
		if got := toF16(x); got != want {
			t.Errorf("%v rounds to %#04x, want %#04x", x, got, want)
		}
	}
}
