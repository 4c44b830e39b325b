package decode

import (
	"context"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// Prefix starts a sequence over with soft tokens [d, nSoft], those of pictures,
// and ids after them, computed as one prefix in which every token sees every
// other. It calls pause often; others may be computed then. If it fails the
// sequence is empty.
func (d *Decoder) Prefix(ctx context.Context, s *Sequence, soft []float32, ids []int32, pause func() error) error {
	s.length, s.hidden = 0, nil
	width := d.gemma.Width
	nSoft := len(soft) / width
	n := nSoft + len(ids)
	if n > s.Cap() {
		return ErrFull
	}
	batches := (n + d.Batch - 1) / d.Batch
	g, err := nn.NewGraph(d.backend, d.gemma.Nodes(batches, batches, min(n, d.Batch), n), d.Trace)
	if err != nil {
		return err
	}
	defer d.closeAfter(ctx, g)

	text := g.Input("ids", gguf.I32, len(ids))
	x := d.gemma.Embed(g, text) // [d, len(ids)]
	var image nn.Tensor
	if nSoft > 0 {
		image = g.Input("image", gguf.F32, width, nSoft)
		x = g.Concat(image, x, 1) // [d, n]
	}
	x = g.Tap("prefix", x)
	cut := d.cut(g, x, s.cache)
	out := d.gemma.Final(g, d.gemma.Prefix(g, cut)) // [d, 1]
	if err := g.Compile(out); err != nil {
		return err
	}
	if err := nn.Set(g, text, ids); err != nil {
		return err
	}
	if nSoft > 0 {
		if err := nn.Set(g, image, soft); err != nil {
			return err
		}
	}
	for _, b := range cut {
		if err := nn.Set(g, b.Pos, places(b.Spans[0].Start, b.Spans[0].Len)); err != nil {
			return err
		}
	}
	if err := g.ComputeInParts(ctx, pause); err != nil {
		return err
	}
	hidden := make([]float32, width)
	if err := nn.Get(g, out, hidden); err != nil {
		return err
	}
	s.length, s.hidden = n, hidden
	return nil
}

// cut splits a prefix x [d, n] into batches, each of which attends to all of
// it.
func (d *Decoder) cut(g *nn.Graph, x nn.Tensor, cache *gemma.Cache) (batches []gemma.Batch) {
	all := x.Dim(1)
	for start := 0; start < all; start += d.Batch {
		n := min(d.Batch, all-start)
		batches = append(batches, gemma.Batch{
			X:     g.View(x, []int{0, start}, x.Dim(0), n), // [d, n]
			Pos:   g.Input("positions", gguf.I32, n),
			Spans: []gemma.Span{{Len: n, Cache: cache, Start: start, Keys: all}},
		})
	}
	return batches
}

// places returns n positions from start on.
func places(start, n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(start + i)
	}
	return list
}
