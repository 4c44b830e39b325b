package convert

import (
	"fmt"
	"math"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/locseg"
)

// ReadConfig reads what a converted file says about its model. It fails if a
// key is missing or has another type, and for files of another architecture.
func ReadConfig(f *gguf.File) (Config, error) {
	arch, err := gguf.Get[string](f, "general.architecture")
	if err != nil {
		return Config{}, err
	}
	if arch != "paligemma" {
		return Config{}, fmt.Errorf("general.architecture is %q, want \"paligemma\"", arch)
	}
	k := &keys{file: f}
	c := Config{
		Dims: Dims{
			Family:       Family(get[string](k, "family")),
			Vocab:        k.count("vocab_size"),
			Width:        k.count("embedding_length"),
			Layers:       k.count("block_count"),
			MLP:          k.count("feed_forward_length"),
			Heads:        k.count("attention.head_count"),
			KVHeads:      k.count("attention.head_count_kv"),
			HeadDim:      k.count("attention.key_length"),
			VisionWidth:  k.count("vision.embedding_length"),
			VisionLayers: k.count("vision.block_count"),
			VisionMLP:    k.count("vision.feed_forward_length"),
			VisionHeads:  k.count("vision.attention.head_count"),
			Patch:        k.count("vision.patch_size"),
			ImageTokens:  k.count("image_token_count"),
		},
		Context:      k.count("context_length"),
		QueryScale:   math.Pow(max(0, k.number("attention.scale")), -2), // infinite, and so refused, for a scale of 0 or less
		RMSEps:       k.number("attention.layer_norm_rms_epsilon"),
		RopeBase:     k.number("rope.freq_base"),
		AttnSoftcap:  k.number("attn_logit_softcapping"),
		FinalSoftcap: k.number("final_logit_softcapping"),
		VisionEps:    k.number("vision.attention.layer_norm_epsilon"),
		Resample:     get[string](k, "vision.resampling"),
	}
	if f.Has(locseg.WidthKey) {
		c.MaskWidth = k.count("mask.embedding_length")
	}
	k.triple("vision.image_mean", &c.ImageMean)
	k.triple("vision.image_std", &c.ImageStd)
	if k.err == nil {
		k.err = c.check()
	}
	return c, k.err
}

// keys reads the keys of a file. Its error is sticky.
type keys struct {
	file *gguf.File
	err  error
}

func get[T gguf.Value](k *keys, key string) T {
	v, err := gguf.Get[T](k.file, "paligemma."+key)
	if k.err == nil {
		k.err = err
	}
	return v
}

func (k *keys) count(key string) int      { return int(get[uint32](k, key)) }
func (k *keys) number(key string) float64 { return float64(get[float32](k, key)) }

func (k *keys) triple(key string, out *[3]float32) {
	values := get[[]float32](k, key)
	if k.err == nil && len(values) != 3 {
		k.err = fmt.Errorf("paligemma.%s has %d numbers, want 3", key, len(values))
	}
	copy(out[:], values)
}

// check reports numbers that no model can have.
func (c Config) check() error {
	if err := c.Dims.check(); err != nil {
		return err
	}
	for _, n := range []struct {
		name    string
		value   float64
		zeroToo bool
	}{
		{"context", float64(c.Context), false}, {"query scale", c.QueryScale, false}, {"RMS epsilon", c.RMSEps, false},
		{"rope base", c.RopeBase, false}, {"vision epsilon", c.VisionEps, false},
		{"attention soft cap", c.AttnSoftcap, true}, {"final soft cap", c.FinalSoftcap, true},
	} {
		switch {
		case math.IsNaN(n.value) || math.IsInf(n.value, 0) || n.value < 0:
			return fmt.Errorf("%s is %v, want a number that is not negative", n.name, n.value)
		case n.value == 0 && !n.zeroToo:
			return fmt.Errorf("%s is 0, want more", n.name)
		}
	}
	if c.MaskWidth < 0 || c.MaskWidth > maxMaskWidth {
		return fmt.Errorf("mask width is %d, want at most %d", c.MaskWidth, maxMaskWidth)
	}
	if c.Resample != "bicubic" && c.Resample != "bilinear" {
		return fmt.Errorf("resampling is %q, want \"bicubic\" or \"bilinear\"", c.Resample)
	}
	return nil
}
