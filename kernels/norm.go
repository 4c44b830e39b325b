package kernels

import "math"

// A Norm is, for each column x of X, Residual + y: y is x/sqrt(mean(x²) +
// Eps)·W + B, with x - mean(x) instead of x if Centered. Addresses are of
// float32; W, B and Residual may be 0, which leaves them out. Steps are elements
// from column to column. Out may be X or Residual, with the same step.
type Norm struct {
	Size, Columns int // elements of a column, and how many columns
	X             uintptr
	XStep         int
	W, B          uintptr // [Size]
	Centered      bool    // a layer norm, not an RMS norm
	Eps           float32
	Residual      uintptr
	ResidualStep  int
	Out           uintptr
	OutStep       int
	Level         Level
}

// Scratch implements Op.
func (*Norm) Scratch() int { return 0 }

// norm defines Norm for one column; w, b and residual may be nil.
func norm(x, w, b, residual []float32, centered bool, eps float64) []float64 {
	d := len(x)
	out := make([]float64, d)
	mean, square := 0.0, 0.0
	for i := range x {
		if centered {
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
