package paligemma

import (
	"fmt"
	"math"
	"slices"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/siglip"
)

// A Config says what a model is. It is a copy: changing it changes nothing.
type Config struct {
	Family      string // "gemma" for PaliGemma 1, "gemma2" for PaliGemma 2
	ImageSize   int    // side of the square that pictures are stretched to, pixels
	ImageTokens int    // soft tokens of a picture
	Context     int    // tokens that the model was trained for
	Vocabulary  int    // pieces of the tokenizer
	Width       int    // of the decoder
	Layers      int    // of the decoder
	Masks       bool   // whether it has a mask decoder

	vision   siglip.Config
	text     gemma.Config
	resample imageproc.Filter
}

// keys reads metadata, keeping the first error.
type keys struct {
	f   *gguf.File
	err error
}

func read[T gguf.Value](k *keys, key string) T {
	v, err := gguf.Get[T](k.f, key)
	if err != nil && k.err == nil {
		k.err = err
	}
	return v
}

// count reads a size, which must be at least 1 and small enough to compute with.
func (k *keys) count(key string) int {
	const most = 1 << 24
	v := read[uint32](k, key)
	if k.err == nil && (v < 1 || v > most) {
		k.err = fmt.Errorf("%s is %d, want 1 to %d", key, v, most)
	}
	return int(v)
}

// blocks reads a count of blocks. There cannot be more of them than tensors.
func (k *keys) blocks(key string) int {
	n := k.count(key)
	if most := len(k.f.Tensors()); k.err == nil && n > most {
		k.err = fmt.Errorf("%s is %d, the file has %d tensors in all", key, n, most)
	}
	return n
}

// id reads a token's id.
func (k *keys) id(key string) int32 {
	v := read[uint32](k, key)
	if k.err == nil && v > math.MaxInt32 {
		k.err = fmt.Errorf("%s is %d, want an id of a token", key, v)
	}
	return int32(v)
}

// number reads a finite number of at least least.
func (k *keys) number(key string, least float32) float32 {
	v := read[float32](k, key)
	if k.err == nil && !(v >= least && v <= math.MaxFloat32) {
		k.err = fmt.Errorf("%s is %v, want a finite number of %v or more", key, v, least)
	}
	return v
}

// textConfig reads the decoder's sizes under prefix, "paligemma." or llama.cpp's
// "gemma." and "gemma2.".
func textConfig(k *keys, family, prefix string) gemma.Config {
	return gemma.Config{
		Width:     k.count(prefix + "embedding_length"),
		Layers:    k.blocks(prefix + "block_count"),
		MLP:       k.count(prefix + "feed_forward_length"),
		Vocab:     k.count(prefix + "vocab_size"),
		Heads:     k.count(prefix + "attention.head_count"),
		KVHeads:   k.count(prefix + "attention.head_count_kv"),
		HeadDim:   k.count(prefix + "attention.key_length"),
		Context:   k.count(prefix + "context_length"),
		RopeBase:  k.number(prefix+"rope.freq_base", 1),
		Eps:       k.number(prefix+"attention.layer_norm_rms_epsilon", 0),
		PostNorms: family == gemma2,
	}
}

// Families of the decoder.
const (
	gemma1 = "gemma"
	gemma2 = "gemma2"
)

// visionConfig reads the tower's sizes under prefix.
func visionConfig(k *keys, prefix string) siglip.Config {
	c := siglip.Config{
		ImageSize: k.count(prefix + "image_size"),
		PatchSize: k.count(prefix + "patch_size"),
		Width:     k.count(prefix + "embedding_length"),
		Layers:    k.blocks(prefix + "block_count"),
		Heads:     k.count(prefix + "attention.head_count"),
		MLP:       k.count(prefix + "feed_forward_length_padded"),
		Out:       k.count(prefix + "projection_dim"),
		Eps:       k.number(prefix+"attention.layer_norm_epsilon", 0),
	}
	for _, key := range []string{"image_mean", "image_std"} {
		v := read[[]float32](k, prefix+key)
		if k.err == nil && !slices.Equal(v, []float32{0.5, 0.5, 0.5}) {
			k.err = fmt.Errorf("%s%s is %.3v, want 0.5 three times: pixels are scaled to -1 to 1", prefix, key, v)
		}
	}
	return c
}

// resampling reads how pictures are stretched.
func resampling(k *keys, key string) imageproc.Filter {
	switch v := read[string](k, key); {
	case k.err != nil || v == "bicubic":
		return imageproc.Bicubic
	case v == "bilinear":
		return imageproc.Bilinear
	default:
		k.err = fmt.Errorf("%s is %.40q, want bicubic or bilinear", key, v)
		return imageproc.Bicubic
	}
}

// newConfig reads a model from one file, or from llama.cpp's two: text and
// projector are the same file in the first case.
func newConfig(text, projector *gguf.File) (Config, error) {
	t, v := &keys{f: text}, &keys{f: projector}
	var c Config
	vision := "clip."
	switch arch := read[string](t, "general.architecture"); {
	case t.err != nil:
		return c, t.err
	case arch == "paligemma":
		vision = "paligemma."
		c.Family = read[string](t, "paligemma.family")
		c.text = textConfig(t, c.Family, "paligemma.")
		c.text.EmbedScale = t.number("paligemma.embedding_scale", 0)
		c.text.QueryScale = t.number("paligemma.attention.scale", 0)
		c.text.AttnSoftcap = t.number("paligemma.attn_logit_softcapping", 0)
		c.text.FinalSoftcap = t.number("paligemma.final_logit_softcapping", 0)
	case arch == gemma1 || arch == gemma2:
		c.Family = arch
		c.text = splitTextConfig(t, arch)
	default:
		return c, fmt.Errorf("general.architecture is %.40q, want paligemma (or gemma, gemma2 with a projector file)", arch)
	}
	if t.err == nil && c.Family != gemma1 && c.Family != gemma2 {
		t.err = fmt.Errorf("paligemma.family is %.40q, want gemma or gemma2", c.Family)
	}
	if t.err != nil {
		return c, t.err
	}
	c.vision = visionConfig(v, vision+"vision.")
	c.resample = resampling(v, vision+"vision.resampling")
	if v.err != nil {
		return c, v.err
	}
	c.Masks = text.Has(locseg.WidthKey)
	c.ImageSize, c.ImageTokens = c.vision.ImageSize, c.vision.Tokens()
	c.Context, c.Vocabulary, c.Width, c.Layers = c.text.Context, c.text.Vocab, c.text.Width, c.text.Layers
	return c, c.check()
}

// splitTextConfig fills in what llama.cpp's files do not say: it knows the
// query scale of Gemma 2 27B by its 46 layers, and scales embeddings by
// sqrt(width).
func splitTextConfig(k *keys, arch string) gemma.Config {
	c := textConfig(k, arch, arch+".")
	if k.err != nil {
		return c
	}
	c.EmbedScale = float32(math.Sqrt(float64(c.Width)))
	scaled := c.HeadDim
	if arch == gemma2 {
		c.AttnSoftcap = k.number("gemma2.attn_logit_softcapping", 0)
		c.FinalSoftcap = k.number("gemma2.final_logit_softcapping", 0)
		if c.Layers == 46 {
			scaled = c.Width / c.Heads
		}
	}
	c.QueryScale = float32(1 / math.Sqrt(float64(scaled)))
	return c
}

// check refuses sizes that do not fit each other, before any graph is built.
func (c Config) check() error {
	v, t := c.vision, c.text
	switch {
	case v.PatchSize > v.ImageSize || v.ImageSize%v.PatchSize != 0:
		return fmt.Errorf("image size %d in patches of %d", v.ImageSize, v.PatchSize)
	case v.ImageSize > imageproc.MaxSize:
		return fmt.Errorf("image size %d, want at most %d", v.ImageSize, imageproc.MaxSize)
	case v.Width%v.Heads != 0:
		return fmt.Errorf("vision width %d in %d heads", v.Width, v.Heads)
	case v.Out != t.Width:
		return fmt.Errorf("projector to width %d for a decoder of width %d", v.Out, t.Width)
	case t.Heads%t.KVHeads != 0:
		return fmt.Errorf("%d query heads for %d key heads", t.Heads, t.KVHeads)
	case t.HeadDim%2 != 0:
		return fmt.Errorf("head dim %d, want an even number", t.HeadDim)
	}
	return nil
}
