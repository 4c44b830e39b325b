package decode

import (
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A step is the graph that computes rows. On our kernels it serves any sequences
// with as many rows, which tell it their caches each time. On ggml's it serves the
// same sequences until one has more keys than the graph was built for.
type step struct {
	g        *nn.Graph
	n        int       // rows
	ids, pos nn.Tensor // i32 [n]
	out      nn.Tensor // [d, n]

	caches, places nn.Tensor // of our kernels

	spans  []span       // of ggml's
	inputs []gemma.Span // of the spans
}

// mostSteps is how many graphs of steps a decoder keeps: one for each number of
// sequences that are usual, and some for several tokens of one.
const mostSteps = 24

// step returns the graph for spans, which may exist already. Of too many graphs
// the one that was used the longest ago is closed.
func (d *Decoder) step(spans []span) (*step, error) {
	n := 0
	for _, s := range spans {
		n += s.n
	}
	i := slices.IndexFunc(d.steps, func(t *step) bool { return t.n == n && (t.spans == nil || t.fits(spans)) })
	if i >= 0 {
		t := d.steps[i]
		d.steps = append(slices.Delete(d.steps, i, i+1), t)
		return t, nil
	}
	d.closeSteps(func(t *step) bool { return t.spans != nil && t.same(spans) }) // outgrown
	if len(d.steps) == mostSteps {
		oldest := d.steps[0]
		d.closeSteps(func(t *step) bool { return t == oldest })
	}
	t, err := d.newStep(spans, n)
	if err != nil {
		return nil, err
	}
	d.steps = append(d.steps, t)
	return t, nil
}

// fits reports whether a step computes rows of spans.
func (t *step) fits(spans []span) bool {
	return t.same(spans) && !slices.ContainsFunc(t.spans, func(s span) bool { return s.keys < s.length+s.n })
}

// same reports whether a step has the sequences and rows of spans.
func (t *step) same(spans []span) bool {
	return slices.EqualFunc(t.spans, spans, func(a, b span) bool { return a.Sequence == b.Sequence && a.n == b.n })
}

// uses reports whether a step is bound to a sequence.
func (t *step) uses(s *Sequence) bool {
	return slices.ContainsFunc(t.spans, func(x span) bool { return x.Sequence == s })
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

// newStep builds the graph for spans of n rows together.
func (d *Decoder) newStep(spans []span, n int) (*step, error) {
	keys := 0
	for _, s := range spans {
		keys = max(keys, s.keys)
	}
	apart := len(spans) // spans with operations of their own
	if d.backend.Kernels() {
		apart = 1
	}
	g, err := nn.NewGraph(d.backend, d.gemma.Nodes(1, apart, n, keys), d.Trace)
	if err != nil {
		return nil, err
	}
	g.Uniform()
	t := &step{g: g, n: n, ids: g.Input("id", gguf.I32, n), pos: g.Input("position", gguf.I32, n)}
	x := d.gemma.Embed(g, t.ids) // [d, n]
	if d.backend.Kernels() {
		like := spans[0].cache
		t.caches, t.places = g.Caches("caches", like.Store, n), g.Places("places", n)
		x = d.gemma.Step(g, x, gemma.Step{Pos: t.pos, Caches: t.caches, Places: t.places, Like: like}) // [d, n]
	} else {
		t.bind(spans)
		x = d.gemma.Forward(g, gemma.Batch{X: x, Pos: t.pos, Spans: t.inputs}) // [d, n]
	}
	t.out = d.gemma.Final(g, x)
	if err := g.Compile(t.out); err != nil {
		g.Close()
		return nil, err
	}
	return t, nil
}

// bind makes the inputs of spans, whose caches the graph then uses.
func (t *step) bind(spans []span) {
	t.spans = spans
	for _, s := range spans {
		in := gemma.Span{Len: s.n, Cache: s.cache, Keys: s.keys, Rows: t.g.Input("row", gguf.I64, s.n)}
		in.Cells = t.g.Input("cells", gguf.I64, len(s.cache.Cells(make([]int64, s.n))))
		in.Mask = t.g.Input("mask", gguf.F32, s.keys, s.n)
		t.inputs = append(t.inputs, in)
	}
}

// set gives the graph its rows and their places.
func (t *step) set(rows []Row, spans []span) error {
	var ids, positions []int32
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	for _, s := range spans {
		for _, p := range s.places {
			positions = append(positions, int32(p.position()))
		}
	}
	if err := nn.Set(t.g, t.ids, ids); err != nil {
		return err
	}
	if err := nn.Set(t.g, t.pos, positions); err != nil {
		return err
	}
	if t.spans == nil {
		return t.setPlaces(spans)
	}
	for i, s := range spans {
		if err := t.setSpan(t.inputs[i], s.places); err != nil {
			return err
		}
	}
	return nil
}

// setPlaces gives the graph the caches of the rows and their places in these.
func (t *step) setPlaces(spans []span) error {
	var stores []*nn.Store
	var places []nn.Place
	for _, s := range spans {
		for _, p := range s.places {
			stores, places = append(stores, s.cache.Store), append(places, p.keys())
		}
	}
	if err := nn.SetCaches(t.g, t.caches, stores); err != nil {
		return err
	}
	return nn.SetPlaces(t.g, t.places, places)
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
	if err == nil {
		err = nn.Set(t.g, in.Cells, in.Cache.Cells(rows))
	}
	if err != nil {
		return fmt.Errorf("rows from place %d: %w", places[0].at, err)
	}
	return nil
}
