package hparams

// A Vision holds the hyperparameters of the SigLIP tower and its projector, under
// the keys of llama.cpp's multimodal files.
type Vision struct {
	ImageSize  int        // side of the square that pictures are stretched to, pixels
	PatchSize  int        // side of a patch, pixels
	Width      int        // W: of the tower
	Layers     int        // B: transformer blocks
	Heads      int        // A: attention heads
	MLP        int        // M: width of the MLP, as the model defines it
	PaddedMLP  int        // rows of the MLP's tensors: MLP, then zeros up to a multiple of a block
	Projection int        // D: width of image tokens, the decoder's
	Eps        float32    // of the layer norms
	ImageMean  [3]float32 // of red, green, blue, on the scale from 0 to 1
	ImageStd   [3]float32 // standard deviation of the same
	Resampling string     // how pictures are stretched: Bicubic or Bilinear
}

// Filters that pictures are stretched with, both antialiased.
const (
	Bicubic  = "bicubic"  // Pillow's, on bytes
	Bilinear = "bilinear" // in float
)

// sizes lists the keys that llama.cpp has a name for.
func (v *Vision) sizes() []Field {
	return []Field{
		{"image_size", count{&v.ImageSize, MaxImageSize}},
		{"patch_size", size(&v.PatchSize)},
		{"embedding_length", size(&v.Width)},
		{"block_count", blocks(&v.Layers)},
		{"feed_forward_length", size(&v.MLP)},
		{"projection_dim", size(&v.Projection)},
		{"attention.head_count", size(&v.Heads)},
		{"attention.layer_norm_epsilon", above(&v.Eps, 0)},
		{"image_mean", channels{&v.ImageMean}},
		{"image_std", channels{&v.ImageStd}},
	}
}

// own lists the keys that are this project's.
func (v *Vision) own() []Field {
	return []Field{
		{"feed_forward_length_padded", size(&v.PaddedMLP)},
		{"resampling", oneOf(&v.Resampling, Bicubic, Bilinear)},
	}
}

// Tokens returns the number of image tokens, one for each patch.
func (v *Vision) Tokens() int {
	if v.PatchSize < 1 {
		return 0
	}
	side := v.ImageSize / v.PatchSize
	return side * side
}
