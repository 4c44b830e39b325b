package kernels

import "math"

// Norm is, for each column s = X + Add, Residual + y: y is s/sqrt(mean(s²) +
// Eps)·W + B, with s - mean(s) for s if Centered. Addresses are of float32, 0
// for what is left out; steps are elements from column to column. Memory that
// is written may be memory that is read, of the same step.
type Norm struct {
	Size, Columns int // elements of a column
	X             uintptr
	XStep         int
	Add           uintptr
	AddStep       int
	W, B          uintptr // [Size]
	Centered      bool    // a layer norm, not an RMS norm
	Eps           float32
	Residual      uintptr
	ResidualStep  int
	Sum           uintptr // s, too
	SumStep       int
	Out           uintptr
	OutStep       int
	Level         Level
}

// Scratch implements Op.
func (*Norm) Scratch() int { return 0 }

// norm defines Norm for one column; add, w, b and residual may be nil.
func norm(x, add, w, b, residual []float32, centered bool, eps float64) (sum, out []float64) {
	d := len(x)
	sum, out = make([]float64, d), make([]float64, d)
	mean, square := 0.0, 0.0
	for i := range x {
		sum[i] = float64(x[i])
		if add != nil {
			sum[i] += float64(add[i])
		}
		if centered {
			mean += sum[i] / float64(d)
		}
	}
	for _, s := range sum {
		square += (s - mean) * (s - mean) / float64(d)
	}
	for i, s := range sum {
		y := (s - mean) / math.Sqrt(square+eps)
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
	return sum, out
}
