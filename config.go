package paligemma

import (
	"strings"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/siglip"
)

// A Config describes a model. It is a copy: changing it changes nothing.
type Config struct {
	Family      string // "gemma" for PaliGemma 1, "gemma2" for PaliGemma 2
	ImageSize   int    // side of the square that pictures are stretched to, pixels
	ImageTokens int    // soft tokens of a picture
	Context     int    // tokens that the model was trained for
	Session     int    // tokens of a session: those of pictures, prompt and answer together
	Vocabulary  int    // pieces of the tokenizer
	Width       int    // of the decoder
	Layers      int    // of the decoder
	Masks       bool   // whether it has a mask decoder
	Kernels     string // level of our own kernels that computes; "" if ggml does
	Threads     int    // CPU threads of a computation
	Parameters  int    // numbers in the file's tensors, mask decoder and padding included
	WeightBytes int    // of the weights in memory, as Memory.Weights
	WeightType  string // element type of most of them, in llama.cpp's spelling, such as "Q4_K"

	vision    siglip.Config
	text      gemma.Config
	resample  imageproc.Filter
	maskWidth int // of the mask decoder's codebook, 0 for none
}

// newConfig reads a model from one file, or from llama.cpp's two: text and
// projector are the same file in the first case.
func newConfig(text, projector *gguf.File) (Config, error) {
	m, err := hparams.Read(text, projector)
	if err != nil {
		return Config{}, err
	}
	t, v := m.Text, m.Vision
	parameters, weights := countWeights(text, projector)
	return Config{
		Parameters: parameters, WeightType: weights,
		Family:    m.Family,
		ImageSize: v.ImageSize, ImageTokens: v.Tokens(),
		Context: t.Context, Vocabulary: t.Vocab, Width: t.Width, Layers: t.Layers,
		Masks: m.MaskWidth > 0, maskWidth: m.MaskWidth,
		text: gemma.ConfigOf(m), vision: siglip.ConfigOf(m),
		resample: filters[v.Resampling],
	}, nil
}

// countWeights returns the number of elements in the files, and the type of most of them.
func countWeights(text, projector *gguf.File) (all int, most string) {
	list := text.Tensors()
	if projector != text {
		list = append(list, projector.Tensors()...)
	}
	counts := map[gguf.Type]int{}
	for _, t := range list {
		n := int(t.Elements())
		all += n
		counts[t.Type] += n
	}
	best := 0
	for _, t := range list { // in the file's order: of equals the first
		if counts[t.Type] > best {
			best, most = counts[t.Type], strings.ToUpper(t.Type.String())
		}
	}
	return all, most
}

// filters are the ways to stretch a picture, by their names in a file.
var filters = map[string]imageproc.Filter{
	hparams.Bicubic:  imageproc.Bicubic,
	hparams.Bilinear: imageproc.Bilinear,
}

// A picture of any size that a file may ask for can be made. The difference of
// constants does not compile where it is negative.
const _ = uint(imageproc.MaxSize - hparams.MaxImageSize)
