package locseg

// MaskSide is the side of a decoded mask in pixels.
const MaskSide = 64

// grid is the side of the square of a mask's codes.
const grid = 4

// A Decoder turns the codes of a mask into pixels: the decoder of a VQ-VAE
// (arXiv:1711.00937), as big_vision's segmentation.py has it. It is immutable
// and safe for concurrent use.
//
// Activations are [pixels, channels], row-major.
type Decoder struct {
	first  []float32 // [Segs, channels]: each code after the first convolution and ReLU
	blocks [len(blocks)][3]conv
	ups    [len(ups) - 1][4]conv
	last   conv
}

// NewDecoder builds a decoder with a codebook [Segs, width]. weight returns the
// values of the array of a name in [Weights]; the decoder does not keep them.
func NewDecoder(width int, weight func(name string) []float32) *Decoder {
	read := func(name string, in int, taps []tap) conv {
		return newConv(weight(Prefix+name+".weight"), weight(Prefix+name+".bias"), in, taps, false)
	}
	d := &Decoder{}
	d.first = relu(read("decoder.0", width, square(1)).forward(weight(codebook), Segs, 1)) // [Segs, channels]
	for i, block := range blocks {
		for j, side := range block {
			d.blocks[i][j] = read(blockName(i, j), channels, square(side))
		}
	}
	for i := range d.ups {
		kernel, bias := weight(Prefix+upName(i)+".weight"), weight(Prefix+upName(i)+".bias")
		for quarter := range d.ups[i] {
			d.ups[i][quarter] = newConv(kernel, bias, ups[i], corner(quarter/2, quarter%2), true)
		}
	}
	d.last = read("decoder.12", ups[len(ups)-1], square(1))
	return d
}

// Decode returns the pixels of a mask, MaskSide x MaskSide row by row: about -1
// outside, 1 inside, 0 on the outline. Codes must be from 0 to Segs-1.
func (d *Decoder) Decode(codes *[Codes]int) []float32 {
	x := make([]float32, 0, Codes*channels) // [4*4, 128]
	for _, c := range codes {
		x = append(x, d.first[c*channels:][:channels]...)
	}
	for _, b := range d.blocks {
		y := relu(b[0].forward(x, grid, grid)) // [4*4, 128], as all in a block
		y = relu(b[1].forward(y, grid, grid))
		for i, v := range b[2].forward(y, grid, grid) {
			x[i] += v
		}
	}
	side := grid
	for i := range d.ups {
		x = relu(double(&d.ups[i], x, side)) // [8*8, 128], [16*16, 64], [32*32, 32], [64*64, 16]
		side *= 2
	}
	return d.last.forward(x, side, side) // [64*64, 1]
}

// relu replaces negative values by 0, in place.
func relu(x []float32) []float32 {
	for i, v := range x {
		x[i] = max(v, 0)
	}
	return x
}
