// Package decode runs Gemma's decoder over sequences of tokens: it holds the
// graphs of a prefix, of a step and of the output head, and chooses tokens.
//
// A [Decoder] owns the graphs of a model, a [Sequence] the key-value cache of
// one answer. An answer begins with [Decoder.Prefix], which computes picture and
// prompt, and goes on with [Decoder.Next], which computes tokens of any number of
// sequences and chooses the token that follows in each.
//
// Axis letters are those of package gemma: d width, n tokens, V vocabulary.
package decode

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// ErrFull is about a token for which its sequence has no room.
var ErrFull = errors.New("context is full")

// Options say how a Decoder computes.
type Options struct {
	Batch     int           // tokens of a prefix computed at a time, 1 or more
	CacheType gguf.Type     // F16 or F32
	Trace     nn.TraceFunc  // receives every named activation; nil reads nothing back
	Locs      grammar.Range // ids of coordinates, whose Spread is measured; empty for none
}

// A Decoder computes tokens of one model. It is not safe for concurrent use.
type Decoder struct {
	Options
	backend *nn.Backend
	gemma   *gemma.Decoder

	steps []*step // graphs of rows, the latest last
	heads []*head // graphs of logits, the latest last

	sequences atomic.Uint64 // made so far

	ending sync.WaitGroup // graphs that a cancelled computation still uses
}

// New returns a Decoder for a model on a backend. The caller must Close it
// before the backend.
func New(b *nn.Backend, g *gemma.Decoder, o Options) *Decoder {
	return &Decoder{Options: o, backend: b, gemma: g}
}

// Bytes returns the memory of the graphs that are kept.
func (d *Decoder) Bytes() (n int) {
	for _, t := range d.steps {
		n += t.g.Bytes()
	}
	for _, h := range d.heads {
		n += h.bytes()
	}
	return n
}

// StepBytes returns the memory of the graphs that are kept after steps of 1, 2 and so on up
// to n sequences, each with room for size tokens. On ggml's kernels more are kept if the
// steps are not always of the same sequences.
func (d *Decoder) StepBytes(size, n int) (bytes int, err error) {
	s, err := d.NewSequence(size)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	one := span{Sequence: s, n: 1, keys: min(stepKeys, size), places: []place{{}}}
	for rows := 1; rows <= n; rows++ {
		t, err := d.newStep(slices.Repeat([]span{one}, rows), rows)
		if err != nil {
			return 0, err
		}
		bytes += t.g.Bytes()
		t.g.Close()
	}
	for _, form := range d.headForms(n) {
		h, err := d.newHead(form)
		if err != nil {
			return 0, err
		}
		bytes += h.bytes()
		h.g.Close()
	}
	return bytes, nil
}

// headForms returns the forms of heads that up to n sequences use when each takes
// its likeliest token: all tokens, and after a coordinate all coordinates.
func (d *Decoder) headForms(n int) (forms []headForm) {
	all := headForm{}
	if !d.canSummarize() {
		all.rows = d.allRows()
	}
	locs := headForm{rows: headRows([]grammar.Range{d.Locs}, d.gemma.Vocab, !d.backend.OnCPU())}
	for columns := 1; columns <= n; columns++ {
		all.columns = min(columns, mostColumns)
		locs.columns = all.columns
		forms = append(forms, all)
		if d.Locs.First < d.Locs.Last { // a tokenizer may have none
			forms = append(forms, locs)
		}
	}
	return forms
}

// Close frees the graphs. It waits for computations that were cancelled. It is
// safe on nil and when closed.
func (d *Decoder) Close() {
	if d == nil {
		return
	}
	d.closeSteps(func(*step) bool { return true })
	d.closeHeads()
	d.ending.Wait()
}

// closeAfter closes a graph that a computation under ctx used. A computation
// that ctx cut short may still be inside a long operation, which closing waits
// for: then the graph is closed in the background, and Close waits.
func (d *Decoder) closeAfter(ctx context.Context, g *nn.Graph) {
	if ctx.Err() == nil {
		g.Close()
		return
	}
	d.ending.Go(func() { g.Close() })
}
