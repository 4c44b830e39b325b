// Package gemma is PaliGemma's decoder: Gemma 1 (arXiv:2403.08295) and Gemma 2
// (arXiv:2408.00118), read as a prefix language model. The prefix (image,
// prompt, newline) attends to itself in both directions; what is generated
// attends to all before it.
//
// Axis letters: d width, h query heads, hk key heads, e head dim, n tokens of
// a batch, m tokens in the cache, V vocabulary; shapes are in ggml's order,
// fastest axis first.
package gemma

import (
	"math"

	"github.com/pgcli/paligemma/internal/nn"
)

// A Config sizes the decoder.
type Config struct {
	Width, Layers, MLP, Vocab int
	Heads, KVHeads, HeadDim   int     // h, hk, e
	Context                   int     // positions it was trained for
	QueryScale                float32 // factor of the scores, 1/sqrt(256) for most
	EmbedScale                float32 // factor of text embeddings, sqrt(Width)
	RopeBase                  float32
	Eps                       float32 // of the norms
	AttnSoftcap               float32 // 0 for none, as in Gemma 1
	FinalSoftcap              float32 // 0 for none
	PostNorms                 bool    // Gemma 2 also norms what a branch adds
}

// A Decoder is a Gemma.
type Decoder struct {
	Config
	Embedding nn.Tensor // [d, V], also the output head
	Blocks    []Block
	Norm      nn.RMSNorm
}

// A Block is a pre-norm transformer block; Gemma 2 norms its branches' ends
// too.
type Block struct {
	AttnNorm, MLPNorm         nn.RMSNorm
	PostAttnNorm, PostMLPNorm *nn.RMSNorm // nil in Gemma 1
	Attn                      Attention
	MLP                       MLP
}

// New reads the decoder from w, under llama.cpp's names. Missing tensors are
// kept by w.
func New(w nn.Weights, c Config) *Decoder {
	d := &Decoder{
		Config:    c,
		Embedding: w.Get("token_embd.weight", c.Width, c.Vocab),
		Norm:      w.RMSNorm("output_norm", c.Width, c.Eps),
	}
	for i := range c.Layers {
		w := w.Sub("blk", i)
		b := Block{
			AttnNorm: w.RMSNorm("attn_norm", c.Width, c.Eps),
			MLPNorm:  w.RMSNorm("ffn_norm", c.Width, c.Eps),
			Attn:     newAttention(w, c),
			MLP: MLP{
				Gate: w.Linear("ffn_gate", c.Width, c.MLP, false),
				Up:   w.Linear("ffn_up", c.Width, c.MLP, false),
				Down: w.Linear("ffn_down", c.MLP, c.Width, false),
			},
		}
		if c.PostNorms {
			attn, mlp := w.RMSNorm("post_attention_norm", c.Width, c.Eps), w.RMSNorm("post_ffw_norm", c.Width, c.Eps)
			b.PostAttnNorm, b.PostMLPNorm = &attn, &mlp
		}
		d.Blocks = append(d.Blocks, b)
	}
	return d
}

// Embed maps token ids i32 [n] to embeddings [d, n].
func (d *Decoder) Embed(g *nn.Graph, ids nn.Tensor) nn.Tensor {
	return g.Scale(g.GetRows(d.Embedding, ids), d.EmbedScale)
}

// Forward runs the blocks over batches of tokens and returns the result of the
// last token [d, 1], the only one that the last block computes. Within a block
// every batch's keys and values enter the cache before any batch attends: so
// tokens see all of keys in both directions, and how they are cut into batches
// changes nothing.
func (d *Decoder) Forward(g *nn.Graph, batches []Batch, cache *Cache, keys Keys) nn.Tensor {
	xs := make([]nn.Tensor, len(batches))
	for c, b := range batches {
		xs[c] = b.X
	}
	for i, b := range d.Blocks {
		g, l := g.Scope("blk", i), cache.layer(i)
		qs := make([]nn.Tensor, len(xs))
		for c, x := range xs {
			qs[c] = b.Attn.remember(g, b.AttnNorm.Forward(g, x), l, batches[c])
		}
		if i == len(d.Blocks)-1 {
			end := len(xs) - 1
			xs, qs = []nn.Tensor{last(g, xs[end])}, []nn.Tensor{last(g, qs[end])}
			keys.Mask = last(g, keys.Mask)
		}
		for c, x := range xs {
			x = g.Add(x, b.after(g, b.PostAttnNorm, g.Tap("attn_out", b.Attn.Forward(g, qs[c], l, keys))))
			y := g.Tap("ffn_out", b.MLP.Forward(g, b.MLPNorm.Forward(g, x)))
			xs[c] = g.Tap("out", g.Add(x, b.after(g, b.PostMLPNorm, y)))
		}
	}
	return xs[len(xs)-1]
}

// last returns the last token of x [d, n, ...], or a mask's row for it; no mask
// stays none.
func last(g *nn.Graph, x nn.Tensor) nn.Tensor {
	if x.Valid() && x.Dim(1) > 1 {
		x = g.View(x, []int{0, x.Dim(1) - 1, 0}, x.Dim(0), 1, x.Dim(2))
	}
	return x
}

// after norms a branch's end, in Gemma 2.
func (b Block) after(g *nn.Graph, norm *nn.RMSNorm, y nn.Tensor) nn.Tensor {
	if norm == nil {
		return y
	}
	return norm.Forward(g, y)
}

// Final maps the last block's x [d, n] to what Logits reads [d, n].
func (d *Decoder) Final(g *nn.Graph, x nn.Tensor) nn.Tensor {
	return g.Tap("output_norm", d.Norm.Forward(g, x))
}

// Rows are consecutive rows of the embedding: ids of tokens.
type Rows struct{ First, Len int }

// Logits maps x [d, n] to the scores of the tokens of rows, one run after
// another. A row's score is the same whichever others are computed.
func (d *Decoder) Logits(g *nn.Graph, x nn.Tensor, rows []Rows) nn.Tensor {
	var y nn.Tensor
	for i, r := range rows {
		part := g.MulMat(g.View(d.Embedding, []int{0, r.First}, d.Width, r.Len), x) // [r.Len, n]
		if i == 0 {
			y = part
		} else {
			y = g.Concat(y, part, 0)
		}
	}
	return g.Softcap(g.Tap("logits", y), d.FinalSoftcap)
}

// Best is what the scores of all tokens for x [d] come to: see [nn.Graph.Best].
func (d *Decoder) Best(g *nn.Graph, x nn.Tensor) nn.Tensor {
	return g.Best(d.Embedding, x, d.FinalSoftcap)
}

// Picked maps x [d] to the scores of the tokens of some runs, as
// [nn.Graph.Picked] gives them.
func (d *Decoder) Picked(g *nn.Graph, x, runs nn.Tensor) nn.Tensor {
	return g.Softcap(g.Picked(d.Embedding, x, runs), d.FinalSoftcap)
}

// LogitsNodes is an upper bound of the nodes that Logits adds for so many runs
// of rows.
func LogitsNodes(runs int) int { return 3*runs + 8 }

// Attention is grouped-query attention with rotary positions, without biases.
type Attention struct {
	Q, K, V, Out nn.Linear
	c            Config
}

func newAttention(w nn.Weights, c Config) Attention {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	return Attention{
		Q:   w.Linear("attn_q", c.Width, q, false),
		K:   w.Linear("attn_k", c.Width, kv, false),
		V:   w.Linear("attn_v", c.Width, kv, false),
		Out: w.Linear("attn_output", q, c.Width, false),
		c:   c,
	}
}

// remember writes the keys and values of x [d, n] to the cache and returns the
// queries [e, n, h].
func (a Attention) remember(g *nn.Graph, x nn.Tensor, l layer, b Batch) nn.Tensor {
	heads := nn.Heads(g, a.c.HeadDim, x, a.Q, a.K, a.V) // [e, h, n], [e, hk, n], [e, hk, n]
	q, k := g.RoPE(heads[0], b.Pos, a.c.RopeBase), g.RoPE(heads[1], b.Pos, a.c.RopeBase)
	l.write(g, k, heads[2], b)
	return g.Permute(q, 0, 2, 1, 3)
}

// Forward maps queries [e, n, h] to [d, n], attending to keys of the cache.
func (a Attention) Forward(g *nn.Graph, q nn.Tensor, l layer, keys Keys) nn.Tensor {
	k, vT := l.read(g, keys.Len)
	return a.Out.Forward(g, g.Attention(q, k, vT, keys.Mask, a.c.QueryScale, a.c.AttnSoftcap))
}

// MLP is Down(gelu(Gate x) * Up x).
type MLP struct{ Gate, Up, Down nn.Linear }

// Forward maps x [d, n] to [d, n].
func (m MLP) Forward(g *nn.Graph, x nn.Tensor) nn.Tensor {
	return m.Down.Forward(g, nn.GeGLU(g, m.Gate, m.Up, x))
}

// Nodes returns an upper bound of the nodes of a graph that runs batches
// batches of up to n tokens each over up to m keys.
func (c Config) Nodes(batches, n, m int) int {
	groups := 1 + n*m*c.Heads/(1<<24)
	return 256 + 16*batches + c.Layers*batches*(96+16*groups)
}

// Masked is what a mask adds to the score of a key that is not to be seen.
var Masked = float32(math.Inf(-1))
