package kernels

import (
	"math"

	"github.com/pgcli/paligemma/gguf"
)

// A fixedType is a type whose scales, one per 32 columns, can be integers: see
// fixed.
type fixedType struct {
	scale func(b []byte, i int) float64 // of column i of a block
	shift int                           // makes 16 bits of sums of 32 products; AVX2 has only 0
}

// fixedTypes lists the types whose quants lie in the planes P8, P4 and P4C: for
// these fixed_shift in fixed_tile-inl.h chooses integer scales.
var fixedTypes = map[gguf.Type]fixedType{
	gguf.Q8_0:   {func(b []byte, _ int) float64 { return half(b) }, 4},
	gguf.Q4_0:   {func(b []byte, _ int) float64 { return half(b) }, 0},
	gguf.IQ4_NL: {func(b []byte, _ int) float64 { return half(b) }, 4},
	gguf.IQ4_XS: {func(b []byte, i int) float64 { return half(b) * iq4Scale(b, i/32) }, 4},
}

// fixed defines products of one row of a fixedType and one column whose scales are
// integers of 16 bits, in chunks of 512 columns. fixed_tile-inl.h has the formulas.
//
//go:norace
func fixed(w []weight, q []float64, scales []float32, shift int) float64 {
	y := 0.0
	for len(q) > 0 {
		n := min(512, len(q))
		top := float32(least32)
		for i := 0; i < n; i += 32 {
			top = max(top, float32(math.Abs(w[i].scale)))
		}
		steps, sum := fixedSteps(scales[:n/32]), 0
		for i := 0; i < n; i += 32 {
			s := 0
			for j := i; j < i+32; j++ {
				if w[i].scale != 0 {
					s += int(math.Round(w[j].value/w[i].scale)) * int(q[j])
				}
			}
			if shift > 0 {
				s = (s + 1<<(shift-1)) >> shift
			}
			p := int(math.RoundToEven(float64(float32(w[i].scale)*(32767/top)))) * int(math.RoundToEven(float64(scales[i/32]*steps)))
			sum += s * ((p + 1<<14) >> 15)
		}
		if int(int32(sum)) != sum {
			panic("kernels: a sum of more than 32 bits")
		}
		y += float64(sum) * float64(top) * (32768.0 / 32767) / float64(steps) * float64(int(1)<<shift)
		w, q, scales = w[n:], q[n:], scales[n/32:]
	}
	return y
}

// fixedSteps returns the integer scale of a column that stands for 1: the largest
// at which no scale is above 32767 and their sum is below 65000.
func fixedSteps(scales []float32) float32 {
	top, sums := float32(least32), [4]float32{least32, least32, least32, least32}
	for i, d := range scales {
		if d == d {
			top = max(top, d)
		}
		sums[i%4] += d
	}
	sum := (sums[0] + sums[2]) + (sums[1] + sums[3])
	return min(32767/top, 65000/sum)
}

// fixedLinear is linear with scales that are integers.
func fixedLinear(m, n int, w []weight, shift int, x []float32) (y, size []float64) {
	k := len(x) / n
	_, size = linear(m, n, w, rounded(x, 127))
	y = make([]float64, m*n)
	for j := range n {
		q, scales := integers(x[j*k:][:k], 127)
		for i := range m {
			y[j*m+i] = fixed(w[i*k:][:k], q, scales, shift)
		}
	}
	return y, size
}
