package kernels

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
