package decode

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A Row is a token to compute, after the last of its sequence.
type Row struct {
	Sequence *Sequence
	ID       int32
	branch   int // of the sequence; rows of a branch do not see those of another
}

// Step computes tokens: rows of several sequences, and several rows of one,
// which stand side by side and see those before them. Afterwards the sequences
// have these tokens. If it fails they are as before.
func (d *Decoder) Step(ctx context.Context, rows ...Row) error {
	spans, err := d.spansOf(rows)
	if err != nil {
		return err
	}
	hidden, err := d.compute(ctx, rows, spans)
	if err != nil {
		return err
	}
	width, at := d.gemma.Width, 0
	for _, s := range spans {
		at += s.n
		s.hidden = hidden[(at-1)*width : at*width : at*width]
		s.length += s.n
	}
	return nil
}

// compute returns the hidden states [d, n] of rows, whose sequences stay as they
// are but for what is behind their last token.
func (d *Decoder) compute(ctx context.Context, rows []Row, spans []span) ([]float32, error) {
	t, err := d.step(spans)
	if err != nil {
		return nil, err
	}
	if err := t.set(rows, spans); err != nil {
		return nil, err
	}
	if err := t.g.Compute(ctx); err != nil {
		return nil, err
	}
	hidden := make([]float32, t.out.Len())
	return hidden, nn.Get(t.g, t.out, hidden)
}

// A span is the rows of one sequence in a step.
type span struct {
	*Sequence
	n      int     // rows
	keys   int     // places of the cache that the graph attends to
	places []place // of the rows
}

// A place says where a row's key and value go and which keys the row sees: the
// first ones, and those from its branch's first to its own. A branch is one of
// several continuations of a sequence; without branches the two parts are one.
type place struct {
	at     int // place in the cache
	shared int // the row sees keys [0, shared)
	from   int // and [from, at]
}

// position returns the row's position in its sequence.
func (p place) position() int { return p.shared + p.at - p.from }

// sees reports whether the row attends to a key.
func (p place) sees(key int) bool { return key < p.shared || p.from <= key && key <= p.at }

// stepKeys is the size class of a step's graph, in keys: the graph attends to
// all the keys it was built for, so a smaller class costs less work and more
// building.
const stepKeys = 256

// spansOf groups rows by sequence, each with the size class it needs.
func (d *Decoder) spansOf(rows []Row) (spans []span, err error) {
	for i, r := range rows {
		if r.Sequence.decoder != d {
			return nil, errors.New("the sequence of a row belongs to another decoder")
		}
		if n := len(spans); n == 0 || spans[n-1].Sequence != r.Sequence {
			if slices.ContainsFunc(spans, func(s span) bool { return s.Sequence == r.Sequence }) {
				return nil, errors.New("rows of one sequence do not stand side by side")
			}
			spans = append(spans, span{Sequence: r.Sequence})
		}
		s := &spans[len(spans)-1]
		at := s.length + s.n
		p := place{at: at, shared: s.length, from: s.length}
		if s.n > 0 && rows[i-1].branch == r.branch {
			p.from = s.places[s.n-1].from
		} else if s.n > 0 {
			p.from = at
		}
		s.places = append(s.places, p)
		s.n++
	}
	for i := range spans {
		s := &spans[i]
		if s.length+s.n > s.Cap() {
			return nil, ErrFull
		}
		s.keys = min(((s.length+s.n-1)/stepKeys+1)*stepKeys, s.Cap())
	}
	return spans, nil
}

// A step is the graph that computes rows, used again for the same sequences
// until one has more keys than the graph was built for.
type step struct {
	g        *nn.Graph
	spans    []span
	ids, pos nn.Tensor // i32 [n]
	inputs   []gemma.Span
	out      nn.Tensor // [d, n]
}

// fits reports whether a step computes rows of spans.
func (t *step) fits(spans []span) bool {
	return t.same(spans) && !slices.ContainsFunc(t.spans, func(s span) bool { return s.keys < s.length+s.n })
}

// same reports whether a step has the sequences and rows of spans.
func (t *step) same(spans []span) bool {
	return slices.EqualFunc(t.spans, spans, func(a, b span) bool { return a.Sequence == b.Sequence && a.n == b.n })
}

// uses reports whether a step computes rows of a sequence.
func (t *step) uses(s *Sequence) bool {
	return slices.ContainsFunc(t.spans, func(x span) bool { return x.Sequence == s })
}

// mostSteps is how many graphs of steps a decoder keeps.
const mostSteps = 8

// step returns the graph for spans, which may exist already. One that spans
// have outgrown is replaced.
func (d *Decoder) step(spans []span) (*step, error) {
	if i := slices.IndexFunc(d.steps, func(t *step) bool { return t.fits(spans) }); i >= 0 {
		return d.steps[i], nil
	}
	d.closeSteps(func(t *step) bool { return t.same(spans) })
	if len(d.steps) == mostSteps {
		oldest := d.steps[0]
		d.closeSteps(func(t *step) bool { return t == oldest })
	}
	t, err := d.newStep(spans)
	if err != nil {
		return nil, err
	}
	d.steps = append(d.steps, t)
	return t, nil
}

// closeSteps frees the steps that which picks.
func (d *Decoder) closeSteps(which func(*step) bool) {
	d.steps = slices.DeleteFunc(d.steps, func(t *step) bool {
		if !which(t) {
			return false
		}
		t.g.Close()
		return true
	})
}

// newStep builds the graph for spans.
func (d *Decoder) newStep(spans []span) (*step, error) {
	n, keys := 0, 0
	for _, s := range spans {
		n, keys = n+s.n, max(keys, s.keys)
	}
	g, err := nn.NewGraph(d.backend, d.gemma.Nodes(1, len(spans), n, keys), d.Trace)
	if err != nil {
		return nil, err
	}
	g.Uniform()
	t := &step{g: g, spans: spans, ids: g.Input("id", gguf.I32, n), pos: g.Input("position", gguf.I32, n)}
	for _, s := range spans {
		in := gemma.Span{Len: s.n, Cache: s.cache, Keys: s.keys, Rows: g.Input("row", gguf.I64, s.n)}
		if cells := s.cache.Cells(make([]int64, s.n)); cells != nil {
			in.Cells = g.Input("cells", gguf.I64, len(cells))
		}
		in.Mask = g.Input("mask", gguf.F32, s.keys, s.n)
		t.inputs = append(t.inputs, in)
	}
	x := d.gemma.Embed(g, t.ids)                                           // [d, n]
	x = d.gemma.Forward(g, gemma.Batch{X: x, Pos: t.pos, Spans: t.inputs}) // [d, n]
	t.out = d.gemma.Final(g, x)
	if err := g.Compile(t.out); err != nil {
		g.Close()
		return nil, err
	}
	return t, nil
}

// set gives the graph its rows and their places.
func (t *step) set(rows []Row, spans []span) error {
	var ids, positions []int32
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	for i, s := range spans {
		for _, p := range s.places {
			positions = append(positions, int32(p.position()))
		}
		if err := t.setSpan(t.inputs[i], s.places); err != nil {
			return err
		}
	}
	if err := nn.Set(t.g, t.ids, ids); err != nil {
		return err
	}
	return nn.Set(t.g, t.pos, positions)
}

// setSpan gives the graph the places of a span's rows.
func (t *step) setSpan(in gemma.Span, places []place) error {
	rows, mask := make([]int64, in.Len), make([]float32, in.Len*in.Keys)
	for i, p := range places {
		rows[i] = int64(p.at)
		for key := range in.Keys {
			if !p.sees(key) {
				mask[i*in.Keys+key] = gemma.Masked
			}
		}
	}
	err := nn.Set(t.g, in.Rows, rows)
	if err == nil {
		err = nn.Set(t.g, in.Mask, mask)
	}
	if err == nil && in.Cells.Valid() {
		err = nn.Set(t.g, in.Cells, in.Cache.Cells(rows))
	}
	if err != nil {
		return fmt.Errorf("rows from place %d: %w", places[0].at, err)
	}
	return nil
}
