package kernels

import "math"

// Places says where rows of tokens go: token i to row Rows[i] of Size rows, or
// to Start + i if Rows is 0. Tokens whose row would lie outside are left out.
// Steps are in elements.
type Places struct {
	To           uintptr // float16 if Half, else float32
	Half         bool
	Row, Channel int     // steps
	Size, Start  int     // rows
	Rows         uintptr // int64
}

// RoPE turns pairs (i, i+HeadDim/2) of the channels of each head by the angle
// position·Base^(-2i/HeadDim). The result may be X itself.
//
// As in ggml the angle is multiplied, in float32, from pair to pair by
// Base^(-2/HeadDim). transformers multiplies the position by a table of float32
// powers instead; the angles differ by up to some millionths of themselves.
type RoPE struct {
	HeadDim, Heads, Tokens int // HeadDim even
	X                      uintptr
	XHead, XToken          int     // steps in elements
	Positions              uintptr // int32, below 1<<20
	Base                   float32
	Out                    Places // Channel is 1
	OutHead                int
	Level                  Level
}

// Scratch implements Op.
func (*RoPE) Scratch() int { return 0 }

// A Store writes columns of Size float32 to rows per token (Channel 1) or per
// channel (Row 1), as the key-value cache wants its values.
type Store struct {
	Size, Tokens int
	X            uintptr
	XToken       int // step in elements
	Out          Places
	Level        Level
}

// Scratch implements Op.
func (*Store) Scratch() int { return 0 }

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
