package locseg

import "fmt"

// A Weight is an array of the mask decoder.
type Weight struct {
	Name   string // in a GGUF file
	Source string // name in big_vision's vae-oid.npz
	Shape  []int  // row-major; a kernel is [out, in, y, x], or [in, out, y, x] if transposed
}

// Prefix starts the names of the mask decoder's tensors in a GGUF file.
const Prefix = "mask."

// codebook is the array with a row for each code.
const codebook = Prefix + "codebook"

// channels is the width of the residual blocks.
const channels = 128

// ups are the widths between the transposed convolutions after the blocks. Each
// convolution doubles the side and goes from one width to the next.
var ups = [...]int{channels, 128, 64, 32, 16}

// Weights lists the arrays of a mask decoder with a codebook [Segs, width].
func Weights(width int) []Weight {
	list := []Weight{{codebook, "_vq_vae._embedding", []int{Segs, width}}}
	add := func(name string, outputs int, kernel ...int) {
		list = append(list,
			Weight{Prefix + name + ".weight", name + ".weight", kernel},
			Weight{Prefix + name + ".bias", name + ".bias", []int{outputs}})
	}
	add("decoder.0", channels, channels, width, 1, 1)
	for i, block := range blocks {
		for j, side := range block {
			add(blockName(i, j), channels, channels, channels, side, side)
		}
	}
	for i, in := range ups[:len(ups)-1] {
		add(upName(i), ups[i+1], in, ups[i+1], 4, 4)
	}
	add("decoder.12", 1, 1, ups[len(ups)-1], 1, 1)
	return list
}

// blocks are the sides of the kernels in each residual block.
var blocks = [2][3]int{{3, 3, 1}, {3, 3, 1}}

// Names of layers are their places in a torch.nn.Sequential. A ReLU takes a place.
func blockName(block, conv int) string { return fmt.Sprintf("decoder.%d.net.%d", 2+block, 2*conv) }
func upName(i int) string              { return fmt.Sprintf("decoder.%d", 4+2*i) }
