package decode

import (
	"context"
	"fmt"

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
	nSoft := len(soft) / d.gemma.Width
	n := nSoft + len(ids)
	if n > s.Cap() {
		return ErrFull
	}
	p, err := d.newPrefix(s.cache, nSoft, len(ids))
	if err != nil {
		return err
	}
	defer d.closeAfter(ctx, p.g)
	if err := p.set(soft, ids); err != nil {
		return err
	}
	if err := p.g.ComputeInParts(ctx, pause); err != nil {
		return s.failed(err)
	}
	hidden := make([]float32, p.out.Len())
	if err := nn.Get(p.g, p.out, hidden); err != nil {
		return err
	}
	if err := s.check(hidden, 0, n); err != nil {
		return s.failed(err)
	}
	s.length, s.hidden = n, hidden
	return nil
}

// A prefix is the graph that computes one.
type prefix struct {
	g       *nn.Graph
	image   nn.Tensor // [d, nSoft]; none without pictures
	ids     nn.Tensor // i32 [n]
	batches []gemma.Batch
	out     nn.Tensor // [d, 1]
}

// newPrefix builds the graph of nSoft soft tokens and n ids.
func (d *Decoder) newPrefix(cache *gemma.Cache, nSoft, n int) (*prefix, error) {
	all := nSoft + n
	batches := (all + d.Batch - 1) / d.Batch
	g, err := nn.NewGraph(d.backend, d.gemma.Nodes(batches, batches, min(all, d.Batch), all), d.Trace)
	if err != nil {
		return nil, fmt.Errorf("%d tokens in batches of %d (Options.Batch), where larger batches make a smaller graph: %w", all, d.Batch, err)
	}
	p := &prefix{g: g, ids: g.Input("ids", gguf.I32, n)}
	x := d.gemma.Embed(g, p.ids) // [d, n]
	if nSoft > 0 {
		p.image = g.Input("image", gguf.F32, d.gemma.Width, nSoft)
		x = g.Concat(p.image, x, 1) // [d, nSoft+n]
	}
	p.batches = d.cut(g, g.Tap("prefix", x), cache)
	p.out = d.gemma.Final(g, d.gemma.Prefix(g, p.batches)) // [d, 1]
	if err := g.Compile(p.out); err != nil {
		g.Close()
		return nil, err
	}
	return p, nil
}

// set gives the graph its tokens and their positions.
func (p *prefix) set(soft []float32, ids []int32) error {
	if err := nn.Set(p.g, p.ids, ids); err != nil {
		return err
	}
	if p.image.Valid() {
		if err := nn.Set(p.g, p.image, soft); err != nil {
			return err
		}
	}
	for _, b := range p.batches {
		if err := nn.Set(p.g, b.Pos, positions(b.Spans[0].Start, b.Spans[0].Len)); err != nil {
			return err
		}
	}
	return nil
}

// PrefixBytes returns the memory of the graph of a prefix.
func (d *Decoder) PrefixBytes(nSoft, n int) (int, error) {
	s, err := d.NewSequence(nSoft + n)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	p, err := d.newPrefix(s.cache, nSoft, n)
	if err != nil {
		return 0, err
	}
	defer p.g.Close()
	return p.g.Bytes(), nil
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

// positions returns n positions from start on.
func positions(start, n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(start + i)
	}
	return list
}
