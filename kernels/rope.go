package kernels

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
