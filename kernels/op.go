package kernels

// An Epilogue is what a product does to its result before it is stored.
type Epilogue int

const (
	Plain Epilogue = iota // Wx + b
	GELU                  // gelu(Wx + b), by tanh
	GeGLU                 // gelu(Wx) * Vx, of two matrices
)

// A Matrix is a packed weight of M rows of K, of a ggml type.
type Matrix struct {
	Type, K, M int
	Packed     Memory
}

// A Linear is Y = Wx + b for the N columns x of X, for up to three W.
// Addresses are of float32.
type Linear struct {
	X              uintptr
	N, Stride      int   // columns, and floats from one to the next
	Norm           *Norm // of each x first, if not nil: its W, B, Centered and Eps
	Residual       uintptr
	ResidualStride int // Residual, unless 0, is added to the first Y
	Out            []Output
	Epilogue       Epilogue
	Precise        bool // round x to 16 bits, not 8
	Level          Level
	Threads        int // that may take part
}

// An MLP is a Linear of one matrix, Down, of the result of another, Up, which is
// one and not stored: Y of Up and X of Down are not used.
type MLP struct{ Up, Down Linear }

// A Rows is y[i] = x·(row First+i) for rows [First, Last) of a matrix in ggml's
// own layout. If Best is not 0, y is softcapped and only a Best of every RunRows
// of them is stored, there. If there are Picks, y is that of so many runs of
// RunRows rows of [0, Last), whose numbers are in Runs; of the last run, the rows
// that there are.
type Rows struct {
	Type, K     int
	First, Last int
	Data        uintptr // row 0
	RowBytes    int
	X, Y        uintptr // float32
	Best        uintptr // float32
	Runs        uintptr // int32
	Picks       int
	Softcap     float32 // 0 for none
	Precise     bool    // round x to 16 bits, not 8
	Level       Level
}

// An Output is one of a Linear's products.
type Output struct {
	W      Matrix
	Bias   uintptr // 0 for none
	Y      uintptr
	Stride int // floats from a column to the next
}
