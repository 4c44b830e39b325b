package siglip

import "github.com/pgcli/paligemma/internal/hparams"

// ConfigOf returns the config of a model's tower, whose MLP has the rows of the
// padded tensors.
func ConfigOf(m hparams.Model) Config {
	v := m.Vision
	return Config{
		ImageSize: v.ImageSize, PatchSize: v.PatchSize,
		Width: v.Width, Layers: v.Layers, Heads: v.Heads, MLP: v.PaddedMLP, Out: v.Projection,
		Eps: v.Eps,
	}
}
