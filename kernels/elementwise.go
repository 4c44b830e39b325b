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

// Unfold cuts an image [W, H, Channels] of float32 into squares of side Side,
// of which both W and H are multiples. Each becomes a column in the order x, y,
// channel, squares row by row, columns Step elements apart.
type Unfold struct {
	W, H, Channels, Side int
	Image, Out           uintptr
	Step                 int
}

// Scratch implements Op.
func (*Unfold) Scratch() int { return 0 }

// unfold defines Unfold, for columns side by side.
func unfold(image []float32, w, h, channels, side int) []float32 {
	var out []float32
	for top := 0; top < h; top += side {
		for left := 0; left < w; left += side {
			for c := range channels {
				for y := range side {
					for x := range side {
						out = append(out, image[(c*h+top+y)*w+left+x])
					}
				}
			}
		}
	}
	return out
}
