package kernels

import "math"

// norm defines Norm for one column; w, b and residual may be nil.
func norm(x, w, b, residual []float32, centered bool, eps float64) []float64 {
	d := len(x)
	out := make([]float64, d)
	mean, square := 0.0, 0.0
	if centered {
		for i := range x {
			mean += float64(x[i]) / float64(d)
		}
	}
	for i := range x {
		square += (float64(x[i]) - mean) * (float64(x[i]) - mean) / float64(d)
	}
	for i := range x {
		y := (float64(x[i]) - mean) / math.Sqrt(square+eps)
		if w != nil {
			y *= float64(w[i])
		}
		if b != nil {
			y += float64(b[i])
		}
		if residual != nil {
			y += float64(residual[i])
		}
		out[i] = y
	}
	return out
}
