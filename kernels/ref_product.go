package kernels

import "math"

// rounded defines how products round activations: in blocks of 32, to the nearest
// of 2·most+1 steps, where most is 127 or 32767 and the largest step is the largest
// magnitude. The scale has 22 significant bits, so that its product with 1.5·2^23
// is exact. A block with an infinity or NaN is NaN.
func rounded(x []float32, most float32) []float64 {
	y, d := integers(x, most)
	for i := range y {
		y[i] *= float64(d[i/32])
	}
	return y
}

// integers returns the steps of rounded, and the scales of the blocks: NaN if a
// block has a value that is not finite.
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

// bfloats defines how products of bfloat16 round activations: to the nearest
// bfloat16, to the one with an even last bit if two are as near. Numbers below 2^-126
// count as 0.
func bfloats(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		bits := math.Float32bits(v)
		switch bits >> 23 & 255 {
		case 0:
			continue
		case 255: // an infinity or NaN
		default:
			bits += 0x7fff + bits>>16&1
		}
		y[i] = float64(math.Float32frombits(bits &^ 0xffff))
		if v != v {
			y[i] = math.NaN()
		}
	}
	return y
}

const least32 = 1e-30 // PG_LEAST: smaller scales count as 0

// gelu is the tanh form of the Gaussian error linear unit (arXiv:1606.08415,
// section 2), 0.5x(1 + tanh u), without its cancellation.
func gelu(x float64) float64 {
	u := math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
	return x / (1 + math.Exp(-2*u))
}

// linear defines a product: Wx [m, n] for m rows of W and n columns of x, and the
// sums of the magnitudes of the terms. The race detector would look at every
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
