package kernels

import "github.com/pgcli/paligemma/gguf"

// A Rows is y[i] = x·(row First+i) for rows [First, Last) of a matrix in ggml's
// own layout. If Stats is not 0, y is softcapped and not stored; a Run of every
// RunRows rows is stored instead. If there are Picks, y is that many runs of RunRows
// rows of [0, Last), whose numbers are in Runs; of the last run only the rows that
// exist are computed.
type Rows struct {
	Type        gguf.Type
	K           int
	First, Last int
	Data        uintptr // row 0
	RowBytes    int
	X, Y        uintptr // float32
	Stats       uintptr // float32
	Runs        uintptr // int32
	Picks       int
	Softcap     float32 // 0 for none
	Precise     bool    // round x to 16 bits, not 8
	Level       Level
}
