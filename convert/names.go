package convert

import (
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/internal/locseg"
)

// A Part is one of the pieces of a model.
type Part string

// The parts.
const (
	Text      Part = "text"
	Vision    Part = "vision"
	Projector Part = "projector"
	Mask      Part = "mask" // decoder of masks; a file may do without
)

// PartOf returns the part that a tensor of a GGUF file belongs to, by its name.
func PartOf(name string) Part {
	switch {
	case strings.HasPrefix(name, "v."):
		return Vision
	case strings.HasPrefix(name, "mm."):
		return Projector
	case strings.HasPrefix(name, locseg.Prefix):
		return Mask
	}
	return Text
}

// A role is the use of a parameter. It decides how the parameter may be stored.
type role int

const (
	matrix  role = iota // any type of the mix
	small               // at least 16 bits: few values, or rows that no block divides
	vector              // F32: ggml adds and multiplies these as such
	rmsNorm             // F32, and 1+w: checkpoints have w, which is centred on zero
	plain               // F32 or F16, nothing else: ggml does not compute with it
)

// A param is one parameter of the architecture, or the same one of every layer,
// and its name in each format.
//
// Shapes are einops patterns over the letters of [Dims]. shape is the GGUF
// tensor's, row-major, and Hugging Face's array has the same: PyTorch's [out, in].
// stacked is the shape of the array in the .npz, which is transposed where the
// letters come in another order. There L and B are the layers, and "2:1" is entry
// 1 of an axis of length 2. A star in a name stands for the layer.
type param struct {
	gguf    string
	shape   string
	hf      string // after the prefix of its part, see hfPrefixes
	npz     string
	stacked string
	part    Part
	role    role
	only    Family // that has the parameter, or both
}

const (
	both Family = ""

	// Where parameters are in big_vision's tree.
	block = "img/Transformer/encoderblock/"
	attn  = block + "MultiHeadDotProductAttention_0/"
	mlp   = block + "MlpBlock_0/"
	llm   = "llm/layers/"
)

// registry lists every parameter of PaliGemma 1 and 2, in the order of the file.
// A checkpoint with other arrays is no PaliGemma.
//
// The text half has the names of llama.cpp's gemma and gemma2, the tower the names
// of its multimodal files. Mind that post_attention_layernorm is the norm before
// the MLP in Gemma, and the norm after attention in Gemma 2.
var registry = []param{
	// GGUF, shape, Hugging Face, npz, shape there
	{"token_embd.weight", "V D", "embed_tokens.weight", "llm/embedder/input_embedding", "V D", Text, matrix, both},
	{"blk.*.attn_norm.weight", "D", "layers.*.input_layernorm.weight", llm + "pre_attention_norm/scale", "L D", Text, rmsNorm, both},
	{"blk.*.attn_q.weight", "(H h) D", "layers.*.self_attn.q_proj.weight", llm + "attn/q_einsum/w", "L H D h", Text, matrix, both},
	{"blk.*.attn_k.weight", "(K h) D", "layers.*.self_attn.k_proj.weight", llm + "attn/kv_einsum/w", "L 2:0 K D h", Text, matrix, both},
	{"blk.*.attn_v.weight", "(K h) D", "layers.*.self_attn.v_proj.weight", llm + "attn/kv_einsum/w", "L 2:1 K D h", Text, matrix, both},
	{"blk.*.attn_output.weight", "D (H h)", "layers.*.self_attn.o_proj.weight", llm + "attn/attn_vec_einsum/w", "L H h D", Text, matrix, both},
	{"blk.*.post_attention_norm.weight", "D", "layers.*.post_attention_layernorm.weight", llm + "post_attention_norm/scale", "L D", Text, rmsNorm, Gemma2},
	{"blk.*.ffn_norm.weight", "D", "layers.*.post_attention_layernorm.weight", llm + "pre_ffw_norm/scale", "L D", Text, rmsNorm, Gemma},
	{"blk.*.ffn_norm.weight", "D", "layers.*.pre_feedforward_layernorm.weight", llm + "pre_ffw_norm/scale", "L D", Text, rmsNorm, Gemma2},
	{"blk.*.ffn_gate.weight", "F D", "layers.*.mlp.gate_proj.weight", llm + "mlp/gating_einsum", "L 2:0 D F", Text, matrix, both},
	{"blk.*.ffn_up.weight", "F D", "layers.*.mlp.up_proj.weight", llm + "mlp/gating_einsum", "L 2:1 D F", Text, matrix, both},
	{"blk.*.ffn_down.weight", "D F", "layers.*.mlp.down_proj.weight", llm + "mlp/linear", "L F D", Text, matrix, both},
	{"blk.*.post_ffw_norm.weight", "D", "layers.*.post_feedforward_layernorm.weight", llm + "post_ffw_norm/scale", "L D", Text, rmsNorm, Gemma2},
	{"output_norm.weight", "D", "norm.weight", "llm/final_norm/scale", "D", Text, rmsNorm, both},

	{"mm.input_projection.weight", "D W", "linear.weight", "img/head/kernel", "W D", Projector, small, both},
	{"mm.input_projection.bias", "D", "linear.bias", "img/head/bias", "D", Projector, vector, both},

	{"v.patch_embd.weight", "W c y x", "embeddings.patch_embedding.weight", "img/embedding/kernel", "y x c W", Vision, small, both},
	{"v.patch_embd.bias", "W", "embeddings.patch_embedding.bias", "img/embedding/bias", "W", Vision, vector, both},
	{"v.position_embd.weight", "N W", "embeddings.position_embedding.weight", "img/pos_embedding", "1:0 N W", Vision, vector, both},
	{"v.blk.*.ln1.weight", "W", "encoder.layers.*.layer_norm1.weight", block + "LayerNorm_0/scale", "B W", Vision, vector, both},
	{"v.blk.*.ln1.bias", "W", "encoder.layers.*.layer_norm1.bias", block + "LayerNorm_0/bias", "B W", Vision, vector, both},
	{"v.blk.*.attn_q.weight", "(A a) W", "encoder.layers.*.self_attn.q_proj.weight", attn + "query/kernel", "B W A a", Vision, matrix, both},
	{"v.blk.*.attn_q.bias", "(A a)", "encoder.layers.*.self_attn.q_proj.bias", attn + "query/bias", "B A a", Vision, vector, both},
	{"v.blk.*.attn_k.weight", "(A a) W", "encoder.layers.*.self_attn.k_proj.weight", attn + "key/kernel", "B W A a", Vision, matrix, both},
	{"v.blk.*.attn_k.bias", "(A a)", "encoder.layers.*.self_attn.k_proj.bias", attn + "key/bias", "B A a", Vision, vector, both},
	{"v.blk.*.attn_v.weight", "(A a) W", "encoder.layers.*.self_attn.v_proj.weight", attn + "value/kernel", "B W A a", Vision, matrix, both},
	{"v.blk.*.attn_v.bias", "(A a)", "encoder.layers.*.self_attn.v_proj.bias", attn + "value/bias", "B A a", Vision, vector, both},
	{"v.blk.*.attn_out.weight", "W (A a)", "encoder.layers.*.self_attn.out_proj.weight", attn + "out/kernel", "B A a W", Vision, matrix, both},
	{"v.blk.*.attn_out.bias", "W", "encoder.layers.*.self_attn.out_proj.bias", attn + "out/bias", "B W", Vision, vector, both},
	{"v.blk.*.ln2.weight", "W", "encoder.layers.*.layer_norm2.weight", block + "LayerNorm_1/scale", "B W", Vision, vector, both},
	{"v.blk.*.ln2.bias", "W", "encoder.layers.*.layer_norm2.bias", block + "LayerNorm_1/bias", "B W", Vision, vector, both},
	{"v.blk.*.ffn_up.weight", "M W", "encoder.layers.*.mlp.fc1.weight", mlp + "Dense_0/kernel", "B W M", Vision, matrix, both},
	{"v.blk.*.ffn_up.bias", "M", "encoder.layers.*.mlp.fc1.bias", mlp + "Dense_0/bias", "B M", Vision, vector, both},
	{"v.blk.*.ffn_down.weight", "W M", "encoder.layers.*.mlp.fc2.weight", mlp + "Dense_1/kernel", "B M W", Vision, matrix, both},
	{"v.blk.*.ffn_down.bias", "W", "encoder.layers.*.mlp.fc2.bias", mlp + "Dense_1/bias", "B W", Vision, vector, both},
	{"v.post_ln.weight", "W", "post_layernorm.weight", "img/Transformer/encoder_norm/scale", "W", Vision, vector, both},
	{"v.post_ln.bias", "W", "post_layernorm.bias", "img/Transformer/encoder_norm/bias", "W", Vision, vector, both},
}

// hfPrefixes lists the prefixes of parameters' names, by part, in the layouts that
// Hugging Face's transformers has written over time. The published checkpoints
// have the first, version 4.52 and later write the second. The others leave out
// the output head's class, or the tower's inner model.
var hfPrefixes = map[Part][]string{
	Text:      {"language_model.model.", "model.language_model.", "language_model."},
	Vision:    {"vision_tower.vision_model.", "model.vision_tower.vision_model.", "vision_tower.", "model.vision_tower."},
	Projector: {"multi_modal_projector.", "model.multi_modal_projector."},
}

// hfAnchors are the parameters that tell which prefix a part has.
var hfAnchors = map[Part]string{
	Text:      "embed_tokens.weight",
	Vision:    "embeddings.patch_embedding.weight",
	Projector: "linear.weight",
}

// hfHeads are the names of the output head. It is the embedding in all released
// models, and most writers leave it out; see head.go.
var hfHeads = []string{"language_model.lm_head.weight", "lm_head.weight", "model.lm_head.weight", "model.language_model.lm_head.weight"}

// hfIgnored are the buffers of old saves that hold no weights.
var hfIgnored = []string{"embeddings.position_ids"}

// in reports whether models of the family have the parameter.
func (p param) in(f Family) bool { return p.only == both || p.only == f }

// perLayer reports whether every layer has one.
func (p param) perLayer() bool { return strings.Contains(p.gguf, "*") }

// count returns how many of them a model has.
func (p param) count(d Dims) int {
	switch {
	case !p.perLayer():
		return 1
	case p.part == Text:
		return d.Layers
	}
	return d.VisionLayers
}

// name replaces the star of a name by the layer.
func (p param) name(pattern string, layer int) string {
	return strings.Replace(pattern, "*", strconv.Itoa(layer), 1)
}
