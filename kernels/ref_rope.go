package kernels

import "math"

// rope defines RoPE for one head of a token (arXiv:2104.09864).
func rope(x []float32, position int32, base float32) []float64 {
	e := len(x)
	out := make([]float64, e)
	angle, factor := float32(position), float32(math.Pow(float64(base), float64(-2/float32(e))))
	for i := range e / 2 {
		sin, cos := math.Sincos(float64(angle))
		a, b := float64(x[i]), float64(x[i+e/2])
		out[i], out[i+e/2] = a*cos-b*sin, b*cos+a*sin
		angle *= factor
	}
	return out
}
