package kernels

import (
	"encoding/binary"
	"math"
)

// Types of weights that kernels multiply by, by ggml's numbers.
const (
	typeF32   = 0
	typeF16   = 1
	typeQ4_0  = 2
	typeQ4_1  = 3
	typeQ5_0  = 6
	typeQ5_1  = 7
	typeQ8_0  = 8
	typeQ2_K  = 10
	typeQ3_K  = 11
	typeQ4_K  = 12
	typeQ5_K  = 13
	typeQ6_K  = 14
	typeIQ4NL = 20
	typeIQ4XS = 23
	typeBF16  = 30
)

// codebook holds the values of IQ4_NL and IQ4_XS.
var codebook = [16]float64{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// A blockOf describes ggml's block of a type.
type blockOf struct {
	columns, bytes int

	// at returns the value of column i of a block, less its minimum.
	at  func(b []byte, i int) float64
	min func(b []byte, i int) float64 // nil if there is none
}

// blocks defines what weights are worth.
var blocks = map[int]blockOf{
	typeF32: {columns: 1, bytes: 4, at: func(b []byte, _ int) float64 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}},
	typeF16:  {columns: 1, bytes: 2, at: func(b []byte, _ int) float64 { return half(b) }},
	typeBF16: {columns: 1, bytes: 2, at: func(b []byte, _ int) float64 { return float64(math.Float32frombits(uint32(word(b)) << 16)) }},
	typeQ8_0: {columns: 32, bytes: 34, at: func(b []byte, i int) float64 { return half(b) * float64(int8(b[2+i])) }},
	typeQ4_0: {columns: 32, bytes: 18, at: func(b []byte, i int) float64 { return half(b) * (nibble(b[2:], i, 16) - 8) }},
	typeQ4_1: {columns: 32, bytes: 20,
		at:  func(b []byte, i int) float64 { return half(b) * nibble(b[4:], i, 16) },
		min: func(b []byte, _ int) float64 { return -half(b[2:]) }},
	typeQ5_0: {columns: 32, bytes: 22, at: func(b []byte, i int) float64 {
		return half(b) * (nibble(b[6:], i, 16) + 16*bit(b[2+i/8], i%8) - 16)
	}},
	typeQ5_1: {columns: 32, bytes: 24,
		at:  func(b []byte, i int) float64 { return half(b) * (nibble(b[8:], i, 16) + 16*bit(b[4+i/8], i%8)) },
		min: func(b []byte, _ int) float64 { return -half(b[2:]) }},
	typeIQ4NL: {columns: 32, bytes: 18, at: func(b []byte, i int) float64 { return half(b) * codebook[int(nibble(b[2:], i, 16))] }},
	typeIQ4XS: {columns: 256, bytes: 136, at: func(b []byte, i int) float64 {
		return half(b) * iq4Scale(b, i/32) * codebook[int(nibble(b[8+i/32*16:], i%32, 16))]
	}},
	typeQ2_K: {columns: 256, bytes: 84,
		at:  func(b []byte, i int) float64 { return half(b[80:]) * float64(b[i/16]&15) * pair(b[16:], i) },
		min: func(b []byte, i int) float64 { return half(b[82:]) * float64(b[i/16]>>4) }},
	typeQ3_K: {columns: 256, bytes: 110, at: func(b []byte, i int) float64 {
		n := i / 16
		s := nibble(b[96+n%8:], n/8, 1) + 16*float64(b[104+n%4]>>(n/4*2)&3)
		return half(b[108:]) * (s - 32) * (pair(b[32:], i) + 4*bit(b[i%32], i/32) - 4)
	}},
	typeQ4_K: {columns: 256, bytes: 144,
		at:  func(b []byte, i int) float64 { return half(b) * scale(b[4:], i/32) * nibble(b[16+i/64*32:], i%64, 32) },
		min: func(b []byte, i int) float64 { return half(b[2:]) * least(b[4:], i/32) }},
	typeQ5_K: {columns: 256, bytes: 176,
		at: func(b []byte, i int) float64 {
			return half(b) * scale(b[4:], i/32) * (nibble(b[48+i/64*32:], i%64, 32) + 16*bit(b[16+i%32], i/32))
		},
		min: func(b []byte, i int) float64 { return half(b[2:]) * least(b[4:], i/32) }},
	typeQ6_K: {columns: 256, bytes: 210, at: func(b []byte, i int) float64 {
		n := i % 128
		low := nibble(b[i/128*64+n%64:], n/64, 1)
		return half(b[208:]) * float64(int8(b[192+i/16])) * (low + 16*float64(b[128+i/128*32+n%32]>>(n/32*2)&3) - 32)
	}},
}

func word(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }

// nibble returns the i-th of numbers of 4 bits, of which n low halves come
// before the n high ones.
func nibble(b []byte, i, n int) float64 { return float64(b[i%n] >> (i / n * 4) & 15) }

// pair returns the i-th of 256 numbers of 2 bits in ggml's order.
func pair(b []byte, i int) float64 { return float64(b[i/128*32+i%32] >> (i % 128 / 32 * 2) & 3) }

func bit(b byte, i int) float64 { return float64(b >> i & 1) }

// scale and least return the scale and the minimum of the i-th 32 columns of
// Q4_K and Q5_K.
func scale(b []byte, i int) float64 {
	if i < 4 {
		return float64(b[i] & 63)
	}
	return float64(b[i+4]&15 | b[i-4]>>6<<4)
}

// iq4Scale returns the scale of the i-th 32 columns of IQ4_XS.
func iq4Scale(b []byte, i int) float64 {
	return nibble(b[4+i/2:], i%2, 1) + 16*float64(word(b[2:])>>(2*i)&3) - 32
}

func least(b []byte, i int) float64 {
	if i < 4 {
		return float64(b[i+4] & 63)
	}
	return float64(b[i+4]>>4 | b[i]>>6<<4)
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

// A weight is a value of a matrix, and the sum of the magnitudes of the terms
// that it is made of, to which the rounding of a product is relative. scale is
// that of a fixedType.
type weight struct{ value, size, scale float64 }

// weights returns the values of rows in ggml's layout.
func weights(typ int, rows []byte) []weight {
	block := blocks[typ]
	w := make([]weight, 0, len(rows)/block.bytes*block.columns)
	for ; len(rows) > 0; rows = rows[block.bytes:] {
		for i := range block.columns {
			v, m := block.at(rows, i), 0.0
			if block.min != nil {
				m = block.min(rows, i)
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

// rounded returns what the products make of activations: in blocks of 32, the
// nearest of 2·most+1 steps (127 or 32767), the largest of which is the largest
// value. The scale has 22 significant bits, so that it can be multiplied by
// 1.5·2^23 exactly. A block with an infinity or NaN is NaN.
func rounded(x []float32, most float32) []float64 {
	y, d := integers(x, most)
	for i := range y {
		y[i] *= float64(d[i/32])
	}
	return y
}

// integers returns those steps, and the scales of the blocks: NaN if a block
// has a value that is not finite.
func integers(x []float32, most float32) (y []float64, scales []float32) {
	y, scales = make([]float64, len(x)), make([]float32, len(x)/32)
	for i := 0; i < len(x); i += 32 {
		block := x[i:][:32]
		var top float32
		for _, v := range block {
			top = max(top, float32(math.Abs(float64(v)))) // NaN if one is
		}
		d := math.Float32frombits(math.Float32bits(top/most) &^ 3)
		if top/most < least32 {
			continue
		}
		scales[i/32] = d + (d - d)
		for j, v := range block {
			y[i+j] = math.RoundToEven(float64(v * (1 / d)))
		}
	}
	return y, scales
}

const least32 = 1e-30 // PG_LEAST

// gelu is the tanh form of the Gaussian error linear unit (arXiv:1606.08415,
// section 2), 0.5x(1 + tanh u), without its cancellation.
func gelu(x float64) float64 {
	u := math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
	return x / (1 + math.Exp(-2*u))
}

// linear defines a product: Wx for m rows of W and n columns of x, as
// [m, n], and the sizes of the sums' terms. The race detector would look at every
// element of these loops, which share nothing, and take minutes.
//
//go:norace
func linear(m, n int, w []weight, x []float64) (y, size []float64) {
	k := len(x) / n
	y, size = make([]float64, m*n), make([]float64, m*n)
	for j := range n {
		for i := range m {
			row := w[i*k:][:k]
			var sum, terms float64
			for l, v := range x[j*k:][:k] {
				sum += row[l].value * v
				terms += row[l].size * math.Abs(v)
			}
			y[j*m+i], size[j*m+i] = sum, terms
		}
	}
	return y, size
}
