// Package siglip is PaliGemma's vision tower: SigLIP So400m/14 (arXiv:2303.15343),
// a Vision Transformer without a class token and without pooling, and the
// linear projector that turns its patches into soft tokens of the decoder.
//
// Axis letters: d width, h heads, e head dim, n patches; shapes are in ggml's
// order, fastest axis first.
package siglip

import (
	"math"

	"github.com/pgcli/paligemma/internal/nn"
)

// A Config sizes the tower.
type Config struct {
	ImageSize int // side of the square picture, pixels
	PatchSize int // side of a patch, pixels
	Width     int // d
	Layers    int
	Heads     int
	MLP       int     // rows of the MLP's tensors, padding included
	Out       int     // width of the decoder, to which patches are projected
	Eps       float32 // of the layer norms
}

// Tokens returns the number of patches, and so of soft tokens.
func (c Config) Tokens() int { return (c.ImageSize / c.PatchSize) * (c.ImageSize / c.PatchSize) }

// HeadDim returns e.
func (c Config) HeadDim() int { return c.Width / c.Heads }

// Nodes returns an upper bound of the nodes of a graph with one Forward.
func (c Config) Nodes() int {
	return 64 + c.Layers*(64+nn.AttentionNodes(c.Tokens(), c.Tokens(), c.Heads))
}

// An Encoder is the tower with its projector.
type Encoder struct {
	Config
	Patch     nn.Linear // of unfolded patches [p*p*3]
	Position  nn.Tensor // [d, n], learned
	Blocks    []Block
	Norm      nn.LayerNorm
	Projector nn.Linear
}

// A Block is a pre-norm transformer block.
type Block struct {
	LN1  nn.LayerNorm
	Attn Attention
	LN2  nn.LayerNorm
	MLP  MLP
}

// New reads the tower from w, under llama.cpp's names v.* and mm.*. w.Err tells which
// tensors are missing.
func New(w nn.Weights, c Config) *Encoder {
	p, v := c.PatchSize, w.Sub("v", -1)
	e := &Encoder{
		Config:    c,
		Patch:     v.Linear("patch_embd", p*p*3, c.Width, true),
		Position:  v.Get("position_embd.weight", c.Width, c.Tokens()),
		Norm:      v.LayerNorm("post_ln", c.Width, c.Eps),
		Projector: w.Linear("mm.input_projection", c.Width, c.Out, true),
	}
	for i := range c.Layers {
		b := v.Sub("blk", i)
		e.Blocks = append(e.Blocks, Block{
			LN1:  b.LayerNorm("ln1", c.Width, c.Eps),
			Attn: newAttention(b, c),
			LN2:  b.LayerNorm("ln2", c.Width, c.Eps),
			MLP:  MLP{b.Linear("ffn_up", c.Width, c.MLP, true), b.Linear("ffn_down", c.MLP, c.Width, true)},
		})
	}
	return e
}

// Forward maps pixels [w, h, 3] in [-1, 1] to soft tokens [d', n], d' the
// decoder's width. ViT (arXiv:2010.11929), equations 1 to 4. A computation in
// parts pauses after each block.
func (e *Encoder) Forward(g *nn.Graph, pixels nn.Tensor) nn.Tensor {
	v := g.Scope("v", -1)
	patches := g.Patches(pixels, e.PatchSize)             // [p*p*3, n]
	x := v.Tap("patch_embd", e.Patch.Forward(g, patches)) // [d, n]
	x = v.Tap("embd", g.Add(x, e.Position))               // [d, n]  eq. 1
	for i, b := range e.Blocks {
		g := v.Scope("blk", i)
		x = g.Add(x, g.Tap("attn_out", b.Attn.Forward(g, b.LN1.Forward(g, x))))             // eq. 2
		x = g.Tap("out", g.Add(x, g.Tap("ffn_out", b.MLP.Forward(g, b.LN2.Forward(g, x))))) // eq. 3
		g.Pause(x)
	}
	x = v.Tap("post_ln", e.Norm.Forward(g, x))        // eq. 4
	return g.Tap("mm.out", e.Projector.Forward(g, x)) // [d', n]
}

// Attention is full multi-head attention, with biases.
type Attention struct {
	Q, K, V, Out nn.Linear
	headDim      int // e
}

func newAttention(w nn.Weights, c Config) Attention {
	square := func(name string) nn.Linear { return w.Linear(name, c.Width, c.Width, true) }
	return Attention{square("attn_q"), square("attn_k"), square("attn_v"), square("attn_out"), c.HeadDim()}
}

// Forward maps x [d, n] to [d, n].
func (a Attention) Forward(g *nn.Graph, x nn.Tensor) nn.Tensor {
	e := a.headDim
	heads := nn.Heads(g, e, x, a.Q, a.K, a.V)                                    // [e, h, n] each
	q := g.Permute(heads[0], 0, 2, 1, 3)                                         // [e, n, h]
	k := g.Permute(heads[1], 0, 2, 1, 3)                                         // [e, n, h]
	vT := g.Permute(heads[2], 1, 2, 0, 3)                                        // [n, e, h]
	y := g.Attention(q, k, vT, nn.Tensor{}, float32(1/math.Sqrt(float64(e))), 0) // [d, n]
	return a.Out.Forward(g, y)                                                   // [d, n]
}

// MLP is fc2(gelu(fc1(x))).
type MLP struct{ Up, Down nn.Linear }

// Forward maps x [d, n] to [d, n].
func (m MLP) Forward(g *nn.Graph, x nn.Tensor) nn.Tensor {
	return m.Down.Forward(g, m.Up.GELU(g, x))
}
