package convert

import (
	"cmp"
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
	t, v := &keys{file: f, prefix: "paligemma."}, &keys{file: f, prefix: "paligemma.vision."}
	c := readShared(t, v)
	c.Family = Family(get[string](t, "family"))
	c.ImageTokens = t.count("image_token_count")
	c.QueryScale = math.Pow(max(0, t.number("attention.scale")), -2) // infinite, and so refused, for a scale of 0 or less
	c.AttnSoftcap, c.FinalSoftcap = t.number("attn_logit_softcapping"), t.number("final_logit_softcapping")
	if f.Has(locseg.WidthKey) {
		c.MaskWidth = t.count("mask.embedding_length")
	}
	if err := cmp.Or(t.err, v.err); err != nil {
		return c, err
	}
	return c, c.check()
}

// readShared reads what both forms of a model have, under prefixes of their
// own: of the text half in t, of the tower in v.
func readShared(t, v *keys) Config {
	c := Config{
		Dims: Dims{
			Vocab:        t.count("vocab_size"),
			Width:        t.count("embedding_length"),
			Layers:       t.count("block_count"),
			MLP:          t.count("feed_forward_length"),
			Heads:        t.count("attention.head_count"),
			KVHeads:      t.count("attention.head_count_kv"),
			HeadDim:      t.count("attention.key_length"),
			VisionWidth:  v.count("embedding_length"),
			VisionLayers: v.count("block_count"),
			VisionMLP:    v.count("feed_forward_length"),
			VisionHeads:  v.count("attention.head_count"),
			Patch:        v.count("patch_size"),
		},
		Context:   t.count("context_length"),
		RMSEps:    t.number("attention.layer_norm_rms_epsilon"),
		RopeBase:  t.number("rope.freq_base"),
		VisionEps: v.number("attention.layer_norm_epsilon"),
		Resample:  get[string](v, "resampling"),
	}
	v.triple("image_mean", &c.ImageMean)
	v.triple("image_std", &c.ImageStd)
	return c
}

// keys reads the keys of a file that start with a prefix. Its error is sticky.
type keys struct {
	file   *gguf.File
	prefix string
	err    error
}

func get[T gguf.Value](k *keys, key string) T {
	v, err := gguf.Get[T](k.file, k.prefix+key)
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
		k.err = fmt.Errorf("%s%s has %d numbers, want 3", k.prefix, key, len(values))
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
