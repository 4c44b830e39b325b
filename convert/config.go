package convert

import (
	"github.com/pgcli/paligemma/internal/hparams"
)

// A Config holds every number that inference needs besides the weights.
type Config struct {
	Dims
	Context            int     // positions the model was trained for
	QueryPreAttnScalar float64 // queries are divided by its square root
	RMSEps             float64
	RopeBase           float64
	AttnSoftcap        float64 // 0 for none
	FinalSoftcap       float64 // 0 for none
	VisionEps          float64
	ImageMean          [3]float32 // of the channels, from 0 to 1
	ImageStd           [3]float32
	Resample           string // filter for images: "bicubic" or "bilinear"
	MaskWidth          int    // of the mask decoder's codebook; 0 for none
}

// defaults returns the config of a released model of these sizes.
func defaults(d Dims, f Format) Config {
	c := Config{
		Dims: d, Context: 8192, QueryPreAttnScalar: float64(d.HeadDim), RMSEps: 1e-6, RopeBase: 10000, VisionEps: 1e-6,
		ImageMean: [3]float32{0.5, 0.5, 0.5}, ImageStd: [3]float32{0.5, 0.5, 0.5},
		// Each ecosystem has its own filter, and a fine-tuned model expects the
		// filter that it was trained with.
		Resample: hparams.Bicubic,
	}
	if f == BigVision {
		c.Resample = hparams.Bilinear
	}
	if d.Family == Gemma2 {
		c.AttnSoftcap, c.FinalSoftcap = 50, 30
	}
	for _, v := range texts { // only the 28B model's differs from its head width
		if v.Dims.Family == d.Family && v.Dims.Width == d.Width && v.Dims.Layers == d.Layers {
			c.QueryPreAttnScalar = v.QueryPreAttnScalar
		}
	}
	return c
}

// apply replaces defaults by the numbers of a config.json.
func (c *Config) apply(h hfConfig) {
	c.Context = h.Text.Context.or(c.Context)
	c.RMSEps = h.Text.RMSEps.or(c.RMSEps)
	c.RopeBase = h.Text.Rope.Theta.or(h.Text.RopeTheta.or(c.RopeBase))
	c.VisionEps = h.Vision.Eps.or(c.VisionEps)
	if c.Family == Gemma2 { // transformers' Gemma has none of these keys
		c.QueryPreAttnScalar = h.Text.QueryPreAttnScalar.or(c.QueryPreAttnScalar)
		c.AttnSoftcap = capping(h.Text.AttnSoftcap, c.AttnSoftcap)
		c.FinalSoftcap = capping(h.Text.FinalSoftcap, c.FinalSoftcap)
	}
}

// capping reads a soft cap, which null turns off.
func capping(o option[float64], absent float64) float64 {
	switch {
	case !o.set:
		return absent
	case o.null:
		return 0
	}
	return o.value
}
