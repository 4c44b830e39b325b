package convert

import (
	"math"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/internal/hparams"
)

// A Family is the generation of a model's text half.
type Family string

// The families. Gemma 2 has norms after attention and MLP, and soft caps.
const (
	Gemma  Family = hparams.Gemma  // PaliGemma 1
	Gemma2 Family = hparams.Gemma2 // PaliGemma 2
)

// Dims are the sizes of a PaliGemma model. The comments give their letters in the
// registry.
type Dims struct {
	Family Family

	Vocab   int // V: pieces of the tokenizer, rows of the embedding
	Width   int // D
	Layers  int // L
	MLP     int // F
	Heads   int // H: query heads
	KVHeads int // K
	HeadDim int // h

	VisionWidth  int // W
	VisionLayers int // B
	VisionMLP    int // M, as the model defines it; the file has PaddedMLP
	VisionHeads  int // A
	Patch        int // y and x: pixels along one side of a patch
	ImageTokens  int // N: patches of an image
}

// padding is the block size of the K-quants. The width of SigLIP's MLP is rounded
// up to a multiple of it: 4304 becomes 4352. The added units have zero weights
// and biases, and gelu(0) is 0, so that results do not change.
const padding = 256

// PaddedMLP returns the width of the vision MLP as it is stored in the file.
func (d Dims) PaddedMLP() int { return (d.VisionMLP + padding - 1) / padding * padding }

// VisionHeadDim returns the width of one head of the vision tower.
func (d Dims) VisionHeadDim() int { return d.VisionWidth / d.VisionHeads }

// ImageSize returns the side of the square images, in pixels.
func (d Dims) ImageSize() int { return d.Patch * intSqrt(d.ImageTokens) }

// Parameters returns the number of weights, without padding.
func (d Dims) Parameters() int64 {
	var sum int64
	for _, p := range registry {
		if p.in(d.Family) {
			sum += int64(product(d.shape(p.shape))) * int64(p.count(d))
		}
	}
	return sum
}

// size returns the length of an axis in the registry's notation: a letter, a
// group "(H h)" or "size:index".
func (d Dims) size(axis string) int {
	switch axis[0] {
	case 'V':
		return d.Vocab
	case 'D':
		return d.Width
	case 'L':
		return d.Layers
	case 'F':
		return d.MLP
	case 'H':
		return d.Heads
	case 'K':
		return d.KVHeads
	case 'h':
		return d.HeadDim
	case 'W':
		return d.VisionWidth
	case 'B':
		return d.VisionLayers
	case 'M':
		return d.VisionMLP
	case 'A':
		return d.VisionHeads
	case 'a':
		return d.VisionHeadDim()
	case 'y', 'x':
		return d.Patch
	case 'c':
		return 3 // red, green, blue
	case 'N':
		return d.ImageTokens
	case '(':
		return product(d.shape(strings.Trim(axis, "()")))
	}
	number, _, _ := strings.Cut(axis, ":")
	size, _ := strconv.Atoi(number) // a test asks for every axis of the registry
	return size
}

// shape returns the sizes of a pattern's axes, such as "(H h) D".
func (d Dims) shape(pattern string) []int {
	var shape []int
	for _, axis := range axes(pattern) {
		shape = append(shape, d.size(axis))
	}
	return shape
}

// stored is shape with the padding of the file.
func (d Dims) stored(pattern string) []int {
	d.VisionMLP = d.PaddedMLP()
	return d.shape(pattern)
}

// axes splits a pattern at its spaces, except those inside a group.
func axes(pattern string) []string {
	var list []string
	for pattern != "" {
		end := strings.IndexByte(pattern, ' ')
		if pattern[0] == '(' {
			end = strings.IndexByte(pattern, ')') + 1
		}
		if end < 0 {
			end = len(pattern)
		}
		list = append(list, pattern[:end])
		pattern = strings.TrimLeft(pattern[end:], " ")
	}
	return list
}

// check reports sizes that no model can have, or that do not fit each other.
func (d Dims) check() error {
	c := defaults(d, HuggingFace)
	c.QueryPreAttnScalar = 1 // the default is a size, which may be wrong
	return c.check()
}

func product(shape []int) int {
	n := 1
	for _, size := range shape {
		n *= size
	}
	return n
}

// intSqrt returns the largest integer whose square is at most n, for n up to
// 2^52, which a float64 holds exactly.
func intSqrt(n int) int { return int(math.Sqrt(float64(n))) }
