package hparams

import "math"

// A Text holds the hyperparameters of the decoder, under the keys of llama.cpp's
// gemma and gemma2.
type Text struct {
	Context      int     // positions that the model was trained for
	Vocab        int     // V: rows of token_embd.weight and pieces of the tokenizer
	Width        int     // D: of the decoder
	Layers       int     // L: transformer blocks
	MLP          int     // F: width of the MLP
	Heads        int     // H: query heads
	KVHeads      int     // K: key-value heads
	HeadDim      int     // h: width of a query, key or value; the whole head is rotated
	Eps          float32 // of the RMS norms
	RopeBase     float32 // theta of the rotary positions
	EmbedScale   float32 // factor of text embeddings, but not of image tokens: sqrt(D)
	QueryScale   float32 // factor of queries
	AttnSoftcap  float32 // c in c*tanh(s/c) of attention scores; 0 for no cap
	FinalSoftcap float32 // c of logits; 0 for no cap
}

// sizes lists the keys that both forms have.
func (t *Text) sizes() []Field {
	return []Field{
		{"context_length", size(&t.Context)},
		{"vocab_size", size(&t.Vocab)},
		{"embedding_length", size(&t.Width)},
		{"block_count", blocks(&t.Layers)},
		{"feed_forward_length", size(&t.MLP)},
		{"attention.head_count", size(&t.Heads)},
		{"attention.head_count_kv", size(&t.KVHeads)},
		{"attention.key_length", size(&t.HeadDim)},
		{"attention.value_length", fixed{uint32(t.HeadDim)}},
		{"attention.layer_norm_rms_epsilon", above(&t.Eps, 0)},
		{"rope.freq_base", atLeast(&t.RopeBase, 1)},
		{"rope.dimension_count", fixed{uint32(t.HeadDim)}},
	}
}

// scales lists the keys that llama.cpp's form lacks.
func (t *Text) scales() []Field {
	return []Field{
		{"embedding_scale", above(&t.EmbedScale, 0)},
		{"attention.scale", scaleOf(&t.QueryScale)},
	}
}

// caps lists the soft caps. llama.cpp's form has them for Gemma 2 alone.
func (t *Text) caps() []Field {
	return []Field{
		{"attn_logit_softcapping", capOf(&t.AttnSoftcap)},
		{"final_logit_softcapping", capOf(&t.FinalSoftcap)},
	}
}

// slidingWindow lists the key without which llama.cpp does not load a Gemma 2, with
// the window of the released models.
func slidingWindow() []Field {
	return []Field{{"attention.sliding_window", fixed{uint32(4096)}}}
}

// setScales sets the scales as llama.cpp does, whose files do not have them.
func (t *Text) setScales(family string) {
	t.EmbedScale = float32(math.Sqrt(float64(t.Width)))
	t.QueryScale = float32(1 / math.Sqrt(t.LlamaQueryScalar(family)))
}

// LlamaQueryScalar returns the number by whose root llama.cpp divides queries.
// It is the width of a head, but for Gemma 2 27B, which llama.cpp knows by its
// 46 layers.
func (t *Text) LlamaQueryScalar(family string) float64 {
	if family == Gemma2 && t.Layers == 46 && t.Heads > 0 {
		return float64(t.Width / t.Heads)
	}
	return float64(t.HeadDim)
}

// HeadName is the tensor of an output head of its own. Google's models have none:
// their head is the embedding. Adapters of PEFT that train one of the two alone
// make it.
const HeadName = "output.weight"
