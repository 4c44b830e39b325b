package convert

import (
	"fmt"
	"math"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/spm"
)

// A KV is one metadata entry; Value has a type that [gguf.Writer.Add] takes.
type KV struct {
	Key   string
	Value any
}

// metadata lists the entries of the file that holds a whole model. A reader
// needs no default: every key below is always written, and a file without one
// of them is not complete. Only paligemma.mask.* are left out where there is no
// mask decoder.
//
//	general.architecture     "paligemma"
//	general.type             "model"
//	general.name             from the options, or the name of the source
//	general.file_type        llama.cpp's number of the mix of the text half
//	general.quantization_version  2, ggml's
//	general.alignment        32
//
//	paligemma.family                     "gemma" (PaliGemma 1) or "gemma2" (PaliGemma 2)
//	paligemma.context_length             positions the model was trained for
//	paligemma.vocab_size                 V: rows of token_embd.weight and pieces of the tokenizer
//	paligemma.embedding_length           D
//	paligemma.embedding_scale            text embeddings are multiplied by it, image tokens are not: sqrt(D)
//	paligemma.block_count                L
//	paligemma.feed_forward_length        F
//	paligemma.attention.head_count       H, of queries
//	paligemma.attention.head_count_kv    K
//	paligemma.attention.key_length       h
//	paligemma.attention.value_length     h
//	paligemma.attention.scale            queries are multiplied by it
//	paligemma.attention.layer_norm_rms_epsilon
//	paligemma.rope.freq_base             theta of the rotary positions
//	paligemma.rope.dimension_count       h: the whole head is rotated
//	paligemma.attn_logit_softcapping     c in c*tanh(s/c) of attention scores, 0 for none
//	paligemma.final_logit_softcapping    the same of logits, 0 for none
//
//	paligemma.image_token_count              N
//	paligemma.vision.image_size              pixels; images are stretched to a square
//	paligemma.vision.patch_size              pixels
//	paligemma.vision.embedding_length        W
//	paligemma.vision.block_count             B
//	paligemma.vision.feed_forward_length     M of the model
//	paligemma.vision.feed_forward_length_padded  M of the tensors, with zeros from M on
//	paligemma.vision.projection_dim          D
//	paligemma.vision.attention.head_count    A
//	paligemma.vision.attention.layer_norm_epsilon
//	paligemma.vision.image_mean, .image_std  of red, green, blue, on the scale from 0 to 1
//	paligemma.vision.resampling              "bicubic" (Pillow, antialiased, on bytes) or
//	                                         "bilinear" (antialiased, in float)
//
//	paligemma.mask.embedding_length          width of the mask decoder's codebook
//
//	tokenizer.ggml.*                     as llama.cpp reads them, see tokenizerMetadata
//
// Counts are uint32, other numbers float32.
func metadata(c Config, m mix, name string, tokenizer []KV) []KV {
	list := general("paligemma", "model", name, m)
	list = append(list,
		KV{"paligemma.family", string(c.Family)},
		KV{"paligemma.image_token_count", uint32(c.ImageTokens)},
		KV{"paligemma.embedding_scale", float32(math.Sqrt(float64(c.Width)))},
		KV{"paligemma.attention.scale", float32(1 / math.Sqrt(c.QueryScale))},
		KV{"paligemma.attn_logit_softcapping", float32(c.AttnSoftcap)},
		KV{"paligemma.final_logit_softcapping", float32(c.FinalSoftcap)},
		KV{"paligemma.vision.feed_forward_length_padded", uint32(c.PaddedMLP())},
		KV{"paligemma.vision.resampling", c.Resample},
	)
	list = append(list, textMetadata("paligemma.", c)...)
	list = append(list, visionMetadata("paligemma.vision.", c)...)
	list = append(list, maskMetadata(c)...)
	return append(list, tokenizer...)
}

func general(arch, kind, name string, m mix) []KV {
	return []KV{
		{"general.architecture", arch},
		{"general.type", kind},
		{"general.name", name},
		{"general.file_type", m.code},
		{"general.quantization_version", uint32(2)},
		{"general.alignment", uint32(gguf.DefaultAlignment)},
	}
}

// textMetadata lists the sizes of the text half under llama.cpp's names, which
// it also has under another prefix in the two-file form.
func textMetadata(prefix string, c Config) []KV {
	return []KV{
		{prefix + "context_length", uint32(c.Context)},
		{prefix + "vocab_size", uint32(c.Vocab)},
		{prefix + "embedding_length", uint32(c.Width)},
		{prefix + "block_count", uint32(c.Layers)},
		{prefix + "feed_forward_length", uint32(c.MLP)},
		{prefix + "attention.head_count", uint32(c.Heads)},
		{prefix + "attention.head_count_kv", uint32(c.KVHeads)},
		{prefix + "attention.key_length", uint32(c.HeadDim)},
		{prefix + "attention.value_length", uint32(c.HeadDim)},
		{prefix + "attention.layer_norm_rms_epsilon", float32(c.RMSEps)},
		{prefix + "rope.freq_base", float32(c.RopeBase)},
		{prefix + "rope.dimension_count", uint32(c.HeadDim)},
	}
}

// visionMetadata lists the sizes of the tower under llama.cpp's names.
func visionMetadata(prefix string, c Config) []KV {
	return []KV{
		{prefix + "image_size", uint32(c.ImageSize())},
		{prefix + "patch_size", uint32(c.Patch)},
		{prefix + "embedding_length", uint32(c.VisionWidth)},
		{prefix + "block_count", uint32(c.VisionLayers)},
		{prefix + "feed_forward_length", uint32(c.VisionMLP)},
		{prefix + "projection_dim", uint32(c.Width)},
		{prefix + "attention.head_count", uint32(c.VisionHeads)},
		{prefix + "attention.layer_norm_epsilon", float32(c.VisionEps)},
		{prefix + "image_mean", c.ImageMean[:]},
		{prefix + "image_std", c.ImageStd[:]},
	}
}

// tokenizerMetadata lists the pieces for llama.cpp's SentencePiece tokenizer.
// No space is put before a text; a caller asks for <bos>, which comes after the
// image. There is no padding id in a vocabulary without the piece.
func tokenizerMetadata(v spm.Vocabulary) []KV {
	list := []KV{
		{"tokenizer.ggml.model", "llama"},
		{"tokenizer.ggml.pre", "default"},
		{"tokenizer.ggml.tokens", v.Pieces},
		{"tokenizer.ggml.scores", v.Scores},
		{"tokenizer.ggml.token_type", v.Types},
		{"tokenizer.ggml.bos_token_id", uint32(v.BOS)},
		{"tokenizer.ggml.eos_token_id", uint32(v.EOS)},
		{"tokenizer.ggml.unknown_token_id", uint32(v.UNK)},
		{"tokenizer.ggml.add_bos_token", true},
		{"tokenizer.ggml.add_eos_token", false},
		{"tokenizer.ggml.add_space_prefix", false},
	}
	if v.PAD >= 0 {
		list = append(list, KV{"tokenizer.ggml.padding_token_id", uint32(v.PAD)})
	}
	return list
}

// splitMetadata lists the entries of llama.cpp's two files. Its text half has
// no key for the query scale, which it knows for Gemma 2 27B alone, and wants a
// sliding window and soft caps that are not zero.
func splitMetadata(c Config, m, vision mix, name string, v spm.Vocabulary) (text, projector []KV, err error) {
	if theirs := llamaQueryScale(c.Dims); c.QueryScale != theirs {
		return nil, nil, fmt.Errorf("llama.cpp's %s of %d layers has a query scale of %v, this model %v: only the one-file form can hold it", c.Family, c.Layers, theirs, c.QueryScale)
	}
	arch := string(c.Family)
	text = append(general(arch, "model", name, m), textMetadata(arch+".", c)...)
	if c.Family == Gemma2 {
		if c.AttnSoftcap == 0 || c.FinalSoftcap == 0 {
			return nil, nil, fmt.Errorf("llama.cpp's gemma2 cannot turn soft caps off, this model has %v and %v: only the one-file form can hold it", c.AttnSoftcap, c.FinalSoftcap)
		}
		text = append(text,
			KV{arch + ".attn_logit_softcapping", float32(c.AttnSoftcap)},
			KV{arch + ".final_logit_softcapping", float32(c.FinalSoftcap)},
			KV{arch + ".attention.sliding_window", uint32(4096)},
		)
	}
	text = append(text, tokenizerMetadata(v)...)

	projector = append(general("clip", "mmproj", name, vision),
		KV{"clip.has_vision_encoder", true},
		KV{"clip.projector_type", projectorTypes[c.Family]},
		KV{"clip.use_gelu", true},
		KV{"clip.vision.feed_forward_length_padded", uint32(c.PaddedMLP())},
		KV{"clip.vision.resampling", c.Resample},
	)
	return text, append(projector, visionMetadata("clip.vision.", c)...), nil
}

// llamaQueryScale is what llama.cpp takes the query scale to be: it knows Gemma
// 2 27B by its 46 layers.
func llamaQueryScale(d Dims) float64 {
	if d.Family == Gemma2 && d.Layers == 46 && d.Heads > 0 {
		return float64(d.Width / d.Heads)
	}
	return float64(d.HeadDim)
}

// projectorTypes are the names that proposals for llama.cpp use; none is merged.
var projectorTypes = map[Family]string{Gemma: "paligemma", Gemma2: "paligemma2"}
