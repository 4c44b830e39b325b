// Package gemma is PaliGemma's decoder: Gemma 1 (arXiv:2403.08295) and Gemma 2
// (arXiv:2408.00118), read as a prefix language model. The prefix (image,
// prompt, newline) attends to itself in both directions; a generated token
// attends to all tokens before it.
//
// Axis letters: d width, h query heads, hk key heads, e head dim, n tokens of
// a batch, m tokens in a cache, V vocabulary; shapes are in ggml's order,
// fastest axis first.
package gemma

import (
	"github.com/pgcli/paligemma/internal/hparams"
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
	PostNorms                 bool    // Gemma 2 also norms the result of a branch
}

// A Decoder is a Gemma.
type Decoder struct {
	Config
	Embedding nn.Tensor // [d, V]
	Head      nn.Tensor // [d, V], the output head: the embedding, or a matrix of its own
	Blocks    []Block
	Norm      nn.RMSNorm
}

// New reads the decoder from w, under llama.cpp's names. w.Err tells which tensors are
// missing.
func New(w nn.Weights, c Config) *Decoder {
	d := &Decoder{
		Config:    c,
		Embedding: w.Get("token_embd.weight", c.Width, c.Vocab),
		Norm:      w.RMSNorm("output_norm", c.Width, c.Eps),
	}
	d.Head = d.Embedding
	if w.Has(hparams.HeadName) {
		d.Head = w.Get(hparams.HeadName, c.Width, c.Vocab)
	}
	for i := range c.Layers {
		d.Blocks = append(d.Blocks, newBlock(w.Sub("blk", i), c))
	}
	return d
}

// Embed maps token ids i32 [n] to embeddings [d, n].
func (d *Decoder) Embed(g *nn.Graph, ids nn.Tensor) nn.Tensor {
	return g.Scale(g.GetRows(d.Embedding, ids), d.EmbedScale) // [d, n]
}

// Forward runs the blocks over a batch and maps its x [d, n] to [d, n].
func (d *Decoder) Forward(g *nn.Graph, b Batch) nn.Tensor {
	return d.forward(g, []Batch{b}, false)
}

// Step runs the blocks over the rows x [d, n] of a step and maps them to [d, n].
func (d *Decoder) Step(g *nn.Graph, x nn.Tensor, s Step) nn.Tensor {
	for i, b := range d.Blocks {
		x = b.Step(g.Scope("blk", i), i, x, s) // [d, n]
	}
	return x
}

// Prefix runs the blocks over the batches of a prefix and returns the result of
// its last token [d, 1], the only one that the last block computes. In each
// block the keys and values of every batch enter the cache before any batch
// attends: so every token sees the whole prefix, and how it is cut into batches
// changes nothing. A computation in parts pauses after each batch of a block.
func (d *Decoder) Prefix(g *nn.Graph, batches []Batch) nn.Tensor {
	return d.forward(g, batches, true)
}

func (d *Decoder) forward(g *nn.Graph, batches []Batch, prefix bool) nn.Tensor {
	xs, qs := make([]nn.Tensor, len(batches)), make([]nn.Tensor, len(batches))
	for c, batch := range batches {
		xs[c] = batch.X // [d, n]
	}
	for i, b := range d.Blocks {
		g := g.Scope("blk", i)
		for c, batch := range batches {
			qs[c] = b.Remember(g, i, xs[c], batch) // [e, n, h]
		}
		if prefix && i == len(d.Blocks)-1 {
			end := len(batches) - 1
			batches = []Batch{batches[end].lastToken(g)}
			xs, qs = []nn.Tensor{last(g, xs[end])}, []nn.Tensor{last(g, qs[end])} // [d, 1], [e, 1, h]
		}
		for c, batch := range batches {
			xs[c] = b.Forward(g, i, xs[c], qs[c], batch) // [d, n]
			if prefix {
				g.Pause(xs[c])
			}
		}
	}
	return xs[len(xs)-1]
}

// Final maps the last block's x [d, n] to the hidden states [d, n] that the
// output head reads.
func (d *Decoder) Final(g *nn.Graph, x nn.Tensor) nn.Tensor {
	return g.Tap("output_norm", d.Norm.Forward(g, x))
}

// Rows are consecutive rows of the output head: ids of tokens.
type Rows struct{ First, Len int }

// Logits maps hidden states x [d, n] to the logits of the tokens in rows, in their
// order: [sum of r.Len, n]. The logit of a token is the same
// whichever others are computed.
func (d *Decoder) Logits(g *nn.Graph, x nn.Tensor, rows []Rows) nn.Tensor {
	var y nn.Tensor
	for i, r := range rows {
		w := g.View(d.Head, []int{0, r.First}, d.Width, r.Len) // [d, r.Len]
		part := g.MulMat(w, x)                                 // [r.Len, n]
		if i == 0 {
			y = part
		} else {
			y = g.Concat(y, part, 0) // [rows so far, n]
		}
	}
	return g.Softcap(g.Tap("logits", y), d.FinalSoftcap)
}

// Runs maps hidden states x [d, n] to the softmax statistics of the logits of all
// tokens, for each run of 64: see [nn.Graph.Runs].
func (d *Decoder) Runs(g *nn.Graph, x nn.Tensor) nn.Tensor {
	return g.Runs(d.Head, x, d.FinalSoftcap)
}

// RunLogits maps hidden states x [d, n] to the logits [64, p, n] of the tokens in
// runs [p, n], p runs for each state: see [nn.Graph.RunProducts].
func (d *Decoder) RunLogits(g *nn.Graph, x, runs nn.Tensor) nn.Tensor {
	return g.Softcap(g.RunProducts(d.Head, x, runs), d.FinalSoftcap)
}

// LogitsNodes returns an upper bound of the nodes that Logits adds for a number of Rows.
func LogitsNodes(rows int) int { return 3*rows + 8 }

// Nodes returns an upper bound of the nodes of a graph that runs batches, cut
// into spans, of up to n tokens each over up to m keys.
func (c Config) Nodes(batches, spans, n, m int) int {
	return 256 + 16*(batches+spans) + c.Layers*(96*batches+spans*(24+nn.AttentionNodes(n, m, c.Heads)))
}
