package synthetic

import "github.com/pgcli/paligemma/convert"

// Tiny returns the smallest sizes of each family that are as awkward as the real
// ones: heads that do not add up to the width, a vision MLP and a vision width that
// 256 does not divide, and, in the second family, several key-value heads. The text
// rows of Gemma 2 take K-quants, Gemma's do not.
func Tiny(f convert.Family) convert.Dims {
	d := convert.Dims{
		Family: f, Vocab: minPieces + appended + 11, Width: 64, Layers: 2, MLP: 256,
		Heads: 4, KVHeads: 1, HeadDim: 24,
		VisionWidth: 96, VisionLayers: 2, VisionMLP: 176, VisionHeads: 4, Patch: 14, ImageTokens: 4,
	}
	if f == convert.Gemma2 {
		d.Width, d.Layers, d.MLP, d.KVHeads, d.HeadDim, d.ImageTokens = 256, 3, 512, 2, 32, 9
	}
	return d
}
