package kernels

import (
	"encoding/binary"
	"math"

	"github.com/pgcli/paligemma/gguf"
)

// codebook holds the values of IQ4_NL and IQ4_XS.
var codebook = [16]float64{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// A definition says how to read ggml's blocks of a type.
type definition struct {
	// at returns the value of column i of a block, before min is subtracted.
	at  func(b []byte, i int) float64
	min func(b []byte, i int) float64 // nil if there is none

	scales []int // offsets of a block's float16 scales
}

// definitions has every type of weights that kernels multiply.
var definitions = map[gguf.Type]definition{
	gguf.F32: {
		at: func(b []byte, _ int) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) },
	},
	gguf.F16: {
		at: func(b []byte, _ int) float64 { return half(b) },
	},
	gguf.BF16: {
		at: func(b []byte, _ int) float64 { return float64(math.Float32frombits(uint32(word(b)) << 16)) },
	},
	gguf.Q8_0: {
		scales: []int{0},
		at:     func(b []byte, i int) float64 { return half(b) * float64(int8(b[2+i])) },
	},
	gguf.Q4_0: {
		scales: []int{0},
		at:     func(b []byte, i int) float64 { return half(b) * (nibble(b[2:], i, 16) - 8) },
	},
	gguf.Q4_1: {
		scales: []int{0, 2},
		at:     func(b []byte, i int) float64 { return half(b) * nibble(b[4:], i, 16) },
		min:    func(b []byte, _ int) float64 { return -half(b[2:]) },
	},
	gguf.Q5_0: {
		scales: []int{0},
		at:     func(b []byte, i int) float64 { return half(b) * (nibble(b[6:], i, 16) + 16*bit(b[2+i/8], i%8) - 16) },
	},
	gguf.Q5_1: {
		scales: []int{0, 2},
		at:     func(b []byte, i int) float64 { return half(b) * (nibble(b[8:], i, 16) + 16*bit(b[4+i/8], i%8)) },
		min:    func(b []byte, _ int) float64 { return -half(b[2:]) },
	},
	gguf.IQ4_NL: {
		scales: []int{0},
		at:     func(b []byte, i int) float64 { return half(b) * codebook[int(nibble(b[2:], i, 16))] },
	},
	gguf.IQ4_XS: {
		scales: []int{0},
		at: func(b []byte, i int) float64 {
			return half(b) * iq4Scale(b, i/32) * codebook[int(nibble(b[8+i/32*16:], i%32, 16))]
		},
	},
	gguf.Q2_K: {
		scales: []int{80, 82},
		at:     func(b []byte, i int) float64 { return half(b[80:]) * float64(b[i/16]&15) * pair(b[16:], i) },
		min:    func(b []byte, i int) float64 { return half(b[82:]) * float64(b[i/16]>>4) },
	},
	gguf.Q3_K: {
		scales: []int{108},
		at: func(b []byte, i int) float64 {
			n := i / 16
			s := nibble(b[96+n%8:], n/8, 1) + 16*float64(b[104+n%4]>>(n/4*2)&3)
			return half(b[108:]) * (s - 32) * (pair(b[32:], i) + 4*bit(b[i%32], i/32) - 4)
		},
	},
	gguf.Q4_K: {
		scales: []int{0, 2},
		at:     func(b []byte, i int) float64 { return half(b) * scale(b[4:], i/32) * nibble(b[16+i/64*32:], i%64, 32) },
		min:    func(b []byte, i int) float64 { return half(b[2:]) * least(b[4:], i/32) },
	},
	gguf.Q5_K: {
		scales: []int{0, 2},
		at: func(b []byte, i int) float64 {
			return half(b) * scale(b[4:], i/32) * (nibble(b[48+i/64*32:], i%64, 32) + 16*bit(b[16+i%32], i/32))
		},
		min: func(b []byte, i int) float64 { return half(b[2:]) * least(b[4:], i/32) },
	},
	gguf.Q6_K: {
		scales: []int{208},
		at: func(b []byte, i int) float64 {
			n := i % 128
			low := nibble(b[i/128*64+n%64:], n/64, 1)
			return half(b[208:]) * float64(int8(b[192+i/16])) * (low + 16*float64(b[128+i/128*32+n%32]>>(n/32*2)&3) - 32)
		},
	},
}

// word returns the first 16 bits.
func word(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }

// nibble returns number i of numbers of 4 bits: the low halves of n bytes come
// before their high halves.
func nibble(b []byte, i, n int) float64 { return float64(b[i%n] >> (i / n * 4) & 15) }

// pair returns number i of 256 numbers of 2 bits in ggml's order.
func pair(b []byte, i int) float64 { return float64(b[i/128*32+i%32] >> (i % 128 / 32 * 2) & 3) }

// bit returns bit i of b.
func bit(b byte, i int) float64 { return float64(b >> i & 1) }

// scale and least return the scale and the minimum of the i-th 32 columns of
// Q4_K and Q5_K.
func scale(b []byte, i int) float64 {
	if i < 4 {
		return float64(b[i] & 63)
	}
	return float64(b[i+4]&15 | b[i-4]>>6<<4)
}

func least(b []byte, i int) float64 {
	if i < 4 {
		return float64(b[i+4] & 63)
	}
	return float64(b[i+4]>>4 | b[i]>>6<<4)
}

// iq4Scale returns the scale of the i-th 32 columns of IQ4_XS.
func iq4Scale(b []byte, i int) float64 {
	return nibble(b[4+i/2:], i%2, 1) + 16*float64(word(b[2:])>>(2*i)&3) - 32
}

// half returns the value of a float16.
func half(b []byte) float64 {
	h := word(b)
	sign, exponent, mantissa := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(mantissa, -24)
	case 31:
		if mantissa != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+mantissa, exponent-25)
}

// A weight is a value of a matrix. size is the sum of the magnitudes of its terms,
// to which the rounding error of a product is relative. scale is the scale of a
// fixedType.
type weight struct{ value, size, scale float64 }

// weights returns the values of rows in ggml's layout.
func weights(typ gguf.Type, rows []byte) []weight {
	def, columns, bytes := definitions[typ], typ.BlockSize(), typ.BlockBytes()
	w := make([]weight, 0, len(rows)/bytes*columns)
	for ; len(rows) > 0; rows = rows[bytes:] {
		for i := range columns {
			v, m := def.at(rows, i), 0.0
			if def.min != nil {
				m = def.min(rows, i)
			}
			s := 0.0
			if f, ok := fixedTypes[typ]; ok {
				s = f.scale(rows, i)
			}
			w = append(w, weight{v - m, math.Abs(v) + math.Abs(m), s})
		}
	}
	return w
}
