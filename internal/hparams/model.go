package hparams

import "slices"

// A Model holds the hyperparameters of a whole model.
type Model struct {
	Family    string // Gemma or Gemma2
	Text      Text
	Vision    Vision
	MaskWidth int // width of the mask decoder's codebook; 0 for a model without one
}

// Families of the decoder, which are also the names of llama.cpp's
// architectures.
const (
	Gemma  = "gemma"  // PaliGemma 1
	Gemma2 = "gemma2" // PaliGemma 2: norms after attention and MLP, soft caps
)

// Limits of the sizes that are taken for a model's. Gemma 3 27B has a width of
// 5376, 262144 pieces and 62 layers; sizes far beyond come from damaged or
// hostile files.
const (
	MaxImageSize = 4096    // side of a picture, as in package imageproc
	MaxMaskWidth = 1 << 14 // of a mask decoder's codebook; the released one has 512
	maxLayers    = 1 << 10 // of text or tower
	maxSize      = 1 << 22 // of all else
)

// Prefixes of the keys.
const (
	onePrefix       = "paligemma."
	projectorPrefix = "clip."
	visionPrefix    = "vision." // after one of the others
)

// MaskWidthKey is the key that files with a mask decoder have.
const MaskWidthKey = onePrefix + "mask.embedding_length"

// PaddedMLPKey is the key of Vision.PaddedMLP.
const PaddedMLPKey = onePrefix + visionPrefix + "feed_forward_length_padded"

// OneFile lists the keys of the file that holds a whole model, in its order.
func (m *Model) OneFile() []Field {
	return append(under(onePrefix, slices.Concat(
		[]Field{
			{"family", oneOf(&m.Family, Gemma, Gemma2)},
			{"image_token_count", fixed{uint32(m.Vision.Tokens())}},
		},
		m.Text.scales(),
		m.Text.caps(),
		under(visionPrefix, m.Vision.own()),
		m.Text.sizes(),
		under(visionPrefix, m.Vision.sizes()),
	)), Field{MaskWidthKey, optional{count{&m.MaskWidth, MaxMaskWidth}, m.MaskWidth != 0}})
}

// TextFile lists the keys of llama.cpp's file of the text half.
func (m *Model) TextFile() []Field {
	fields := m.Text.sizes()
	if m.Family == Gemma2 {
		fields = slices.Concat(fields, m.Text.caps(), slidingWindow())
	}
	return under(m.Family+".", fields)
}

// ProjectorFile lists the keys of the file beside llama.cpp's text half.
func (m *Model) ProjectorFile() []Field {
	return slices.Concat(
		[]Field{
			{projectorPrefix + "has_vision_encoder", fixed{true}},
			{ProjectorTypeKey, fixed{ProjectorType(m.Family)}},
			{projectorPrefix + "use_gelu", fixed{true}},
		},
		under(projectorPrefix+visionPrefix, slices.Concat(m.Vision.own(), m.Vision.sizes())),
	)
}

// ProjectorTypeKey is the key by which llama.cpp chooses a projector.
const ProjectorTypeKey = projectorPrefix + "projector_type"

// ProjectorType returns the name that proposals for llama.cpp use for the
// projector of a family; it has merged none of them.
func ProjectorType(family string) string {
	if family == Gemma2 {
		return "paligemma2"
	}
	return "paligemma"
}
