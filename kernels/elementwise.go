package kernels

// A Sum is Out = A + B, of Len float32 each. Out may be A or B.
type Sum struct {
	Len   int
	A, B  uintptr
	Out   uintptr
	Level Level
}

// Scratch implements Op.
func (*Sum) Scratch() int { return 0 }

// An Unfold cuts an image [W, H, Channels] of float32 into squares of Side pixels;
// W and H are multiples of Side. Each square becomes a column of Out in the order x,
// y, channel; squares are taken row by row. Columns are Step elements apart.
type Unfold struct {
	W, H, Channels, Side int
	Image, Out           uintptr
	Step                 int
}

// Scratch implements Op.
func (*Unfold) Scratch() int { return 0 }
