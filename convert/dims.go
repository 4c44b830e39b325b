package convert

import (
	"fmt"
	"strconv"
	"strings"
)

// A Family is the generation of a model's text half.
type Family string

// The families. Gemma 2 has norms after attention and MLP, and soft caps.
const (
	Gemma  Family = "gemma"  // PaliGemma 1
	Gemma2 Family = "gemma2" // PaliGemma 2
)

// Dims are the sizes of a PaliGemma model. The comments give the letters that
// the registry has for them.
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

// padding is what SigLIP's MLP is rounded up to: the block size of the
// K-quants. 4304 becomes 4352. The added units have zero weights and biases,
// and gelu(0) is 0, so that results do not change.
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

// size returns what an axis of the registry's notation is long: a letter, a
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

// Limits of what is taken for a model. Gemma 3 27B has a width of 5376 and 62
// layers; sizes far beyond that come from damaged or hostile files.
const (
	maxSize   = 1 << 22 // of one axis; the vocabulary is the longest
	maxLayers = 1024
)

// check reports sizes that no model can have.
func (d Dims) check() error {
	for _, s := range []struct {
		name     string
		n, limit int
	}{
		{"vocabulary", d.Vocab, maxSize}, {"width", d.Width, maxSize}, {"layers", d.Layers, maxLayers},
		{"MLP width", d.MLP, maxSize}, {"heads", d.Heads, maxSize}, {"key-value heads", d.KVHeads, maxSize},
		{"head width", d.HeadDim, maxSize}, {"vision width", d.VisionWidth, maxSize},
		{"vision layers", d.VisionLayers, maxLayers}, {"vision MLP width", d.VisionMLP, maxSize},
		{"vision heads", d.VisionHeads, maxSize}, {"patch side", d.Patch, maxSize}, {"image tokens", d.ImageTokens, maxSize},
	} {
		if s.n < 1 || s.n > s.limit {
			return fmt.Errorf("%s is %d, want 1 to %d", s.name, s.n, s.limit)
		}
	}
	switch {
	case d.Family != Gemma && d.Family != Gemma2:
		return fmt.Errorf("family is %q, want %q or %q", d.Family, Gemma, Gemma2)
	case d.Heads%d.KVHeads != 0:
		return fmt.Errorf("%d query heads cannot share %d key-value heads", d.Heads, d.KVHeads)
	case d.HeadDim%2 != 0:
		return fmt.Errorf("head width %d is odd, rotary positions need pairs", d.HeadDim)
	case d.VisionWidth%d.VisionHeads != 0:
		return fmt.Errorf("vision width %d is not a multiple of its %d heads", d.VisionWidth, d.VisionHeads)
	case intSqrt(d.ImageTokens)*intSqrt(d.ImageTokens) != d.ImageTokens:
		return fmt.Errorf("%d image tokens are not a square of patches", d.ImageTokens)
	}
	return nil
}

func product(shape []int) int {
	n := 1
	for _, size := range shape {
		n *= size
	}
	return n
}

// intSqrt returns the largest integer whose square is at most n.
func intSqrt(n int) int {
	root := 0
	for (root+1)*(root+1) <= n {
		root++
	}
	return root
}
