package kernels

import "github.com/pgcli/paligemma/gguf"

// An Epilogue is applied to a product before its result is stored.
type Epilogue int

// The epilogues.
const (
	Plain Epilogue = iota // Wx + b
	GELU                  // gelu(Wx + b), by tanh
	GeGLU                 // gelu(Wx) * Vx, of two matrices
)

// A Matrix is a packed weight of M rows of K values. Its owner frees Packed.
type Matrix struct {
	Type   gguf.Type
	K, M   int
	Packed Memory
}

// A Linear is Y = Wx + b for the N columns x of X, for up to three W with the same
// K. Addresses are of float32.
type Linear struct {
	X              uintptr // [K, N]
	N, Stride      int     // columns, and floats from column to column
	Norm           *Norm   // if not nil, norms each x first: its W, B, Centered and Eps
	Residual       uintptr // if not 0, is added to the first Y
	ResidualStride int
	Out            []Output
	Epilogue       Epilogue
	Precise        bool // round x to 16 bits, not 8, and not to bfloat16
	Uniform        bool // a column's result is the same to the bit for any N
	Level          Level
	Threads        int // the most that take part
}

// An MLP multiplies Down, of one matrix, by the one result of Up, which is not stored:
// Y of Up and X of Down are not used.
type MLP struct{ Up, Down Linear }

// An Output is one of the products of a Linear.
type Output struct {
	W      Matrix
	Bias   uintptr // [M], or 0 for none
	Y      uintptr // [M, N]
	Stride int     // floats from column to column
}
