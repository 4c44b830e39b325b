package locseg

// A conv computes each pixel of its output from pixels around it: the product
// of what its taps see with w.
type conv struct {
	taps []tap
	in   int
	w    []float32 // [out, taps, in]
	bias []float32 // [out]
}

// A tap is one entry of a kernel: the one in row y and column x weighs the pixel
// that is dy below and dx right of the output's.
type tap struct {
	side   int // of the kernel
	y, x   int
	dy, dx int
}

// square lists the taps of a convolution whose output is as large as its input:
// padding is side/2.
func square(side int) []tap {
	var list []tap
	for y := range side {
		for x := range side {
			list = append(list, tap{side, y, x, y - side/2, x - side/2})
		}
	}
	return list
}

// corner lists the taps of a quarter of a transposed convolution of 4x4 with
// stride 2 and padding 1: of the outputs in odd or even rows and columns. Row i
// of the input reaches the output's rows 2i-1+y for y from 0 to 3, so that row
// 2i+p comes from the input's row i with y = 1+p, and from the one before it
// (p = 0: y = 3) or after it (p = 1: y = 0).
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

// newConv picks the taps of PyTorch's kernel, [out, in, y, x] or, if transposed,
// [in, out, y, x].
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

// forward maps x [h*w, in] to [h*w, out]. Outside of x there are zeros.
func (c conv) forward(x []float32, h, w int) []float32 {
	seen := x // [h*w, taps*in]
	if len(c.taps) > 1 {
		seen = c.gather(x, h, w)
	}
	out := make([]float32, h*w*len(c.bias))
	product(out, seen, c.w, c.bias, len(c.taps)*c.in)
	return out
}

// gather lists, for each pixel, the pixels that the taps see.
func (c conv) gather(x []float32, h, w int) []float32 {
	seen := make([]float32, h*w*len(c.taps)*c.in)
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

// double maps x [side*side, in] to [2*side*2*side, out] by the four quarters of
// a transposed convolution.
func double(quarters *[4]conv, x []float32, side int) []float32 {
	n := len(quarters[0].bias)
	out := make([]float32, 4*side*side*n)
	for phase, c := range quarters {
		part := c.forward(x, side, side)
		for i := range side {
			for j := range side {
				at := (2*i+phase/2)*2*side + 2*j + phase%2
				copy(out[at*n:][:n], part[(i*side+j)*n:])
			}
		}
	}
	return out
}
