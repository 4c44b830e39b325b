package gemma

import (
	"math"

	"github.com/pgcli/paligemma/internal/nn"
)

// A Batch is tokens that are computed together: their products are one. It may
// hold tokens of several sequences.
type Batch struct {
	X     nn.Tensor // [d, n], input of the first block
	Pos   nn.Tensor // i32 [n], positions in their sequences from 0, image tokens included
	Spans []Span    // the sequences, in the order of the columns; n tokens together
}

// A Span is consecutive columns of a batch that belong to one sequence and
// follow each other in it.
type Span struct {
	Len   int    // columns
	Cache *Cache // of the sequence

	// Keys and values go to the cache's places from Start, which is fixed when the
	// graph is built; or, if Rows and Cells are given, to the places that these
	// inputs say at each Compute. Only ggml's caches have the latter: our kernels
	// compute a Step.
	Start int
	Rows  nn.Tensor // i64 [Len], each token's place
	Cells nn.Tensor // i64 [Len*hk*e], see Cache.Cells

	// The tokens attend to the first Keys places, less those that Mask [Keys, Len]
	// (float32) excludes with Masked; no tensor excludes none.
	Keys int
	Mask nn.Tensor
}

// A Step says where the rows of a step belong: tokens of any sequences, computed
// together on our kernels. It names no sequence, so that a graph serves all.
type Step struct {
	Pos    nn.Tensor // i32 [n], positions in their sequences from 0, image tokens included
	Caches nn.Tensor // [n], see [nn.Graph.Caches]
	Places nn.Tensor // [4, n], see [nn.Graph.Places]
	Like   *Cache    // any cache of the layout that all of them have
}

// Masked is added to the score of a key that a token must not see.
var Masked = float32(math.Inf(-1))

// lastToken returns the batch without all tokens but its last, for Forward
// after Remember: where keys and values go is left out.
func (b Batch) lastToken(g *nn.Graph) Batch {
	s := b.Spans[len(b.Spans)-1]
	return Batch{Spans: []Span{{Len: 1, Cache: s.Cache, Keys: s.Keys, Mask: last(g, s.Mask)}}}
}

// last returns the last token of x [d, n, ...]; no tensor stays none.
func last(g *nn.Graph, x nn.Tensor) nn.Tensor {
	if x.Valid() && x.Dim(1) > 1 {
		x = g.View(x, []int{0, x.Dim(1) - 1, 0}, x.Dim(0), 1, x.Dim(2)) // [d, 1, ...]
	}
	return x
}
