package kernels

import "math"

// RoPE turns pairs (i, i+HeadDim/2) of the channels of each head by the angle
// position·Base^(-2i/HeadDim). Out may be X, with the same steps.
//
// As in ggml the angle is multiplied, in float32, from pair to pair by
// Base^(-2/HeadDim). transformers multiplies the position by a table of float32
// powers instead; the angles differ by up to some millionths of themselves.
type RoPE struct {
	HeadDim, Heads, Tokens int     // HeadDim even
	X                      uintptr // float32
	XHead, XToken          int     // steps in elements
	Positions              uintptr // int32, below 1<<20
	Base                   float32
	Out                    uintptr // float32
	OutHead, OutToken      int
	Level                  Level
}

// Scratch implements Op.
func (*RoPE) Scratch() int { return 0 }

// rope defines RoPE for one head of a token.
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
