package locseg

// A conv computes each pixel of its output from the pixels around it: the
// product of w with the pixels that its taps select.
type conv struct {
	taps []tap
	in   int       // channels of the input
	w    []float32 // [out, taps, in]
	bias []float32 // [out]
}

// A tap is one entry of a kernel: the entry in row y and column x weighs the
// pixel dy rows below and dx columns right of the output's.
type tap struct {
	side   int // rows of the kernel, and columns
	y, x   int
	dy, dx int
}

// square lists the taps of a convolution with padding side/2: its output is as
// large as its input.
func square(side int) []tap {
	var list []tap
	for y := range side {
		for x := range side {
			list = append(list, tap{side, y, x, y - side/2, x - side/2})
		}
	}
	return list
}

// corner lists the taps for a quarter of the outputs of a transposed convolution
// of 4x4 with stride 2 and padding 1: those in rows 2i+py and columns 2j+px. Row
// i of the input reaches the output's rows 2i-1+y for y from 0 to 3. So row 2i+p
// is made of the input's row i with y = 1+p, and of the row before (p = 0: y = 3)
// or after (p = 1: y = 0).
func corner(py, px int) []tap {
	near := func(p int) [2]struct{ k, d int } { return [2]struct{ k, d int }{{1 + p, 0}, {3 - 3*p, 2*p - 1}} }
	var list []tap
	for _, y := range near(py) {
		for _, x := range near(px) {
			list = append(list, tap{4, y.k, x.k, y.d, x.d})
		}
	}
	return list
}

// newConv picks the weights of the taps from PyTorch's kernel, [out, in, y, x]
// or, if transposed, [in, out, y, x].
func newConv(kernel, bias []float32, in int, taps []tap, transposed bool) conv {
	out := len(bias)
	c := conv{taps: taps, in: in, bias: bias, w: make([]float32, 0, out*len(taps)*in)}
	for o := range out {
		for _, t := range taps {
			for i := range in {
				row := o*in + i
				if transposed {
					row = i*out + o
				}
				c.w = append(c.w, kernel[(row*t.side+t.y)*t.side+t.x])
			}
		}
	}
	return c
}

// forward maps x [h*w, in] to [h*w, out]. Pixels outside x count as zeros.
func (c conv) forward(x []float32, h, w int) []float32 {
	seen := x // [h*w, taps*in]
	if len(c.taps) > 1 {
		seen = c.gather(x, h, w) // [h*w, taps*in]
	}
	out := make([]float32, h*w*len(c.bias)) // [h*w, out]
	product(out, seen, c.w, c.bias, len(c.taps)*c.in)
	return out
}

// gather maps x [h*w, in] to [h*w, taps*in]: for each pixel, the pixels that the
// taps select.
func (c conv) gather(x []float32, h, w int) []float32 {
	seen := make([]float32, h*w*len(c.taps)*c.in) // [h*w, taps*in]
	rest := seen
	for i := range h {
		for j := range w {
			for _, t := range c.taps {
				if y, x0 := i+t.dy, j+t.dx; y >= 0 && y < h && x0 >= 0 && x0 < w {
					copy(rest[:c.in], x[(y*w+x0)*c.in:])
				}
				rest = rest[c.in:]
			}
		}
	}
	return seen
}

// double maps x [side*side, in] to [2*side*2*side, out] with the four quarters of
// a transposed convolution.
func double(quarters *[4]conv, x []float32, side int) []float32 {
	n := len(quarters[0].bias)
	out := make([]float32, 4*side*side*n) // [2*side*2*side, out]
	for quarter, c := range quarters {
		part := c.forward(x, side, side) // [side*side, out]
		for i := range side {
			for j := range side {
				at := (2*i+quarter/2)*2*side + 2*j + quarter%2
				copy(out[at*n:][:n], part[(i*side+j)*n:])
			}
		}
	}
	return out
}
