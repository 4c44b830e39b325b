package gemma

import "github.com/pgcli/paligemma/internal/nn"

// A Block is a pre-norm transformer block: attention, then MLP, each a branch
// whose result is added to the stream. Gemma 2 norms the results, too.
type Block struct {
	AttnNorm, MLPNorm         nn.RMSNorm
	PostAttnNorm, PostMLPNorm *nn.RMSNorm // nil in Gemma 1
	Attn                      Attention
	MLP                       MLP
}

func newBlock(w nn.Weights, c Config) Block {
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
	return b
}

// Remember writes the keys and values of x [d, n] to layer i of the batch's
// caches and returns the queries [e, n, h] for Forward. It is the first half of
// attention: between the halves, other batches of the same sequence write
// theirs.
func (b Block) Remember(g *nn.Graph, i int, x nn.Tensor, batch Batch) nn.Tensor {
	return b.Attn.Remember(g, i, b.AttnNorm.Forward(g, x), batch)
}

// Forward maps the stream x [d, n] and its queries q [e, n, h] to the stream
// after block i [d, n].
func (b Block) Forward(g *nn.Graph, i int, x, q nn.Tensor, batch Batch) nn.Tensor {
	return b.rest(g, x, b.Attn.Forward(g, i, q, batch.Spans))
}

// Step maps the stream x [d, n] of a step to the stream after block i [d, n].
func (b Block) Step(g *nn.Graph, i int, x nn.Tensor, s Step) nn.Tensor {
	return b.rest(g, x, b.Attn.Step(g, i, b.AttnNorm.Forward(g, x), s))
}

// rest adds the attention's result y [d, n] to the stream x [d, n], and then the
// MLP's.
func (b Block) rest(g *nn.Graph, x, y nn.Tensor) nn.Tensor {
	x = g.Add(x, post(g, b.PostAttnNorm, g.Tap("attn_out", y)))
	y = g.Tap("ffn_out", b.MLP.Forward(g, b.MLPNorm.Forward(g, x))) // [d, n]
	return g.Tap("out", g.Add(x, post(g, b.PostMLPNorm, y)))
}

// post norms the result y of a branch, in Gemma 2.
func post(g *nn.Graph, norm *nn.RMSNorm, y nn.Tensor) nn.Tensor {
	if norm == nil {
		return y
	}
	return norm.Forward(g, y)
}

// Attention is grouped-query attention (arXiv:2305.13245) with rotary
// positions, without biases.
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

// Remember writes the keys and values of x [d, n] to layer i of the batch's
// caches and returns the queries [e, n, h].
func (a Attention) Remember(g *nn.Graph, i int, x nn.Tensor, batch Batch) nn.Tensor {
	heads := nn.Heads(g, a.c.HeadDim, x, a.Q, a.K, a.V) // [e, h, n], [e, hk, n], [e, hk, n]
	q, k := g.RoPE(heads[0], batch.Pos, a.c.RopeBase), g.RoPE(heads[1], batch.Pos, a.c.RopeBase)
	at := 0
	for _, s := range batch.Spans {
		s.write(g, i, columns(g, k, 2, at, s.Len), columns(g, heads[2], 2, at, s.Len))
		at += s.Len
	}
	return g.Permute(q, 0, 2, 1, 3) // [e, n, h]
}

// Forward maps queries [e, n, h] to [d, n]: each span attends to layer i of its
// own cache.
func (a Attention) Forward(g *nn.Graph, i int, q nn.Tensor, spans []Span) nn.Tensor {
	var y nn.Tensor
	at := 0
	for _, s := range spans {
		k, vT := s.Cache.read(g, i, s.Keys)                                      // [e, m, hk], [m, e, hk]
		part := columns(g, q, 1, at, s.Len)                                      // [e, s.Len, h]
		part = g.Attention(part, k, vT, s.Mask, a.c.QueryScale, a.c.AttnSoftcap) // [h*e, s.Len]
		if at == 0 {
			y = part
		} else {
			y = g.Concat(y, part, 1) // [h*e, at+s.Len]
		}
		at += s.Len
	}
	return a.Out.Forward(g, y) // [d, n]
}

// Step maps the rows x [d, n] of a step to [d, n]: each row's key and value go to
// layer i of its sequence's cache, to which the row attends.
func (a Attention) Step(g *nn.Graph, i int, x nn.Tensor, s Step) nn.Tensor {
	heads := nn.Heads(g, a.c.HeadDim, x, a.Q, a.K, a.V) // [e, h, n], [e, hk, n], [e, hk, n]
	q, k := g.RoPE(heads[0], s.Pos, a.c.RopeBase), g.RoPE(heads[1], s.Pos, a.c.RopeBase)
	l := s.Like.layers[i]
	y := g.StepAttention(q, k, heads[2], s.Caches, s.Places, l.k, l.v, a.c.QueryScale, a.c.AttnSoftcap) // [h*e, n]
	return a.Out.Forward(g, y)                                                                          // [d, n]
}

// columns returns the n columns of x along an axis that begin at column from; x
// itself if x has no others. The other axes keep their lengths.
func columns(g *nn.Graph, x nn.Tensor, axis, from, n int) nn.Tensor {
	if x.Dim(axis) == n {
		return x
	}
	at, shape := [3]int{}, [3]int{x.Dim(0), x.Dim(1), x.Dim(2)}
	at[axis], shape[axis] = from, n
	return g.View(x, at[:], shape[:]...)
}

// MLP is Down(gelu(Gate x) * Up x), GeGLU (arXiv:2002.05202).
type MLP struct{ Gate, Up, Down nn.Linear }

// Forward maps x [d, n] to [d, n].
func (m MLP) Forward(g *nn.Graph, x nn.Tensor) nn.Tensor {
	return m.Down.Forward(g, nn.GeGLU(g, m.Gate, m.Up, x))
}
