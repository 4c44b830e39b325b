package kernels

import "github.com/pgcli/paligemma/gguf"

// A Rows is y[i] = x·(row First+i) for rows [First, Last) of a matrix in ggml's
// own layout and each of N columns x. If Stats is not 0, y is softcapped and not
// stored; a Run of every RunRows rows is stored instead, column after column. If
// there are Picks, a column of y is that many runs of RunRows rows of [0, Last),
// whose numbers are in Runs; of the last run only the rows that exist are computed. A
// column's results are the same to the bit for any N.
type Rows struct {
	Type             gguf.Type
	K                int
	First, Last      int
	Data             uintptr // row 0
	RowBytes         int
	N                int     // columns; 0 is 1
	X, Y             uintptr // float32
	XStride, YStride int     // floats from column to column
	Stats            uintptr // float32 [RunFloats, runs, N]
	Runs             uintptr // int32 [Picks, N]
	Picks            int
	Softcap          float32 // 0 for none
	Precise          bool    // round x to 16 bits, not 8
	Threads          int     // the most that take part
	Level            Level
}
