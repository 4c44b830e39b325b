package convert

import (
	"fmt"
	"math"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/hparams"
)

// ReadConfig reads the config of the model that a converted file holds. It fails
// if a key is missing or has another type or an impossible value, and for files
// of another architecture.
func ReadConfig(f *gguf.File) (Config, error) {
	if err := hparams.CheckWhole(f); err != nil {
		return Config{}, err
	}
	arch, err := gguf.Get[string](f, hparams.ArchitectureKey)
	if err != nil {
		return Config{}, err
	}
	if arch != hparams.PaliGemma {
		return Config{}, fmt.Errorf("%s is %.40q, want %q", hparams.ArchitectureKey, arch, hparams.PaliGemma)
	}
	m, err := hparams.Read(f, f)
	return configOf(m), err
}

// configOf returns the config of a model that was read from a file.
func configOf(m hparams.Model) Config {
	t, v := m.Text, m.Vision
	return Config{
		Dims: Dims{
			Family: Family(m.Family),
			Vocab:  t.Vocab, Width: t.Width, Layers: t.Layers, MLP: t.MLP,
			Heads: t.Heads, KVHeads: t.KVHeads, HeadDim: t.HeadDim,
			VisionWidth: v.Width, VisionLayers: v.Layers, VisionMLP: v.MLP, VisionHeads: v.Heads,
			Patch: v.PatchSize, ImageTokens: v.Tokens(),
		},
		Context:            t.Context,
		QueryPreAttnScalar: math.Pow(float64(t.QueryScale), -2),
		RMSEps:             float64(t.Eps),
		RopeBase:           float64(t.RopeBase),
		AttnSoftcap:        float64(t.AttnSoftcap),
		FinalSoftcap:       float64(t.FinalSoftcap),
		VisionEps:          float64(v.Eps),
		ImageMean:          v.ImageMean,
		ImageStd:           v.ImageStd,
		Resample:           v.Resampling,
		MaskWidth:          m.MaskWidth,
	}
}

// hyperparameters returns the numbers of a config as a file has them: rounded to
// float32, with scales in place of the numbers that they are computed from.
func (c Config) hyperparameters() hparams.Model {
	return hparams.Model{
		Family: string(c.Family),
		Text: hparams.Text{
			Context: c.Context, Vocab: c.Vocab, Width: c.Width, Layers: c.Layers, MLP: c.MLP,
			Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim,
			Eps:          float32(c.RMSEps),
			RopeBase:     float32(c.RopeBase),
			EmbedScale:   float32(math.Sqrt(float64(c.Width))),
			QueryScale:   float32(1 / math.Sqrt(c.QueryPreAttnScalar)),
			AttnSoftcap:  float32(c.AttnSoftcap),
			FinalSoftcap: float32(c.FinalSoftcap),
		},
		Vision: hparams.Vision{
			ImageSize: c.ImageSize(), PatchSize: c.Patch,
			Width: c.VisionWidth, Layers: c.VisionLayers, Heads: c.VisionHeads,
			MLP: c.VisionMLP, PaddedMLP: c.PaddedMLP(), Projection: c.Width,
			Eps:       float32(c.VisionEps),
			ImageMean: c.ImageMean, ImageStd: c.ImageStd,
			Resampling: c.Resample,
		},
		MaskWidth: c.MaskWidth,
	}
}

// check reports numbers that no model can have, and numbers that a reader of the
// file would refuse.
func (c Config) check() error {
	if side := intSqrt(c.ImageTokens); c.ImageTokens < 1 || side*side != c.ImageTokens {
		return fmt.Errorf("%d image tokens are not a square of patches", c.ImageTokens)
	}
	m := c.hyperparameters()
	return m.Check()
}
