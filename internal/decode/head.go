package decode

import (
	"context"
	"slices"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A head is a graph that maps the hidden states of n sequences to logits, or to
// their statistics. It is apart from the graph of a step: a grammar says which
// logits are needed only once the step's token is known, and the step's graph is
// the same whatever may come next.
type head struct {
	form   headForm
	g      *nn.Graph
	x, out nn.Tensor // [d, n], and the result
	runs   nn.Tensor // i32 [picks, n]: the runs of each column
	values []float32 // of out, but statistics
	stats  []nn.Run
}

// A headForm tells heads apart. One of rows, picks and neither is given: the
// logits of tokens in rows, those of some runs of tokens for each column, or the
// statistics of all runs.
type headForm struct {
	rows    []gemma.Rows
	picks   int
	columns int
}

func (f headForm) equal(o headForm) bool {
	return slices.Equal(f.rows, o.rows) && f.picks == o.picks && f.columns == o.columns
}

// Sizes of heads. A row costs less than a node of a graph, and a graph less than
// many of them.
const (
	mostColumns = 16  // sequences of a head: so many columns the kernels compute in one go
	headGap     = 16  // ranges no farther apart are computed as one
	headAlign   = 256 // longer ranges are widened to its multiples, so that few heads serve all
	headRuns    = 256 // with more runs of rows the head computes all tokens
	mostHeads   = 64  // that a decoder keeps
)

// head returns the graph of a form, which may exist already. Of too many heads
// the one that was used the longest ago is closed.
func (d *Decoder) head(f headForm) (*head, error) {
	i := slices.IndexFunc(d.heads, func(h *head) bool { return h.form.equal(f) })
	if i < 0 {
		h, err := d.newHead(f)
		if err != nil {
			return nil, err
		}
		if len(d.heads) == mostHeads {
			d.heads[0].g.Close()
			d.heads = d.heads[1:]
		}
		d.heads = append(d.heads, h)
		return h, nil
	}
	h := d.heads[i]
	d.heads = append(slices.Delete(d.heads, i, i+1), h)
	return h, nil
}

// newHead builds the graph of a form.
func (d *Decoder) newHead(f headForm) (*head, error) {
	g, err := nn.NewGraph(d.backend, gemma.LogitsNodes(len(f.rows))+1, d.Trace)
	if err != nil {
		return nil, err
	}
	h := &head{form: f, g: g, x: g.Input("hidden", gguf.F32, d.gemma.Width, f.columns)} // [d, n]
	switch {
	case f.rows != nil:
		h.out = d.gemma.Logits(g, h.x, f.rows) // [rows, n]
	case f.picks > 0:
		h.runs = g.Input("runs", gguf.I32, f.picks, f.columns)
		h.out = d.gemma.RunLogits(g, h.x, h.runs) // [64, picks, n]
	default:
		h.out = d.gemma.Runs(g, h.x)
	}
	if err := g.Compile(h.out); err != nil {
		g.Close()
		return nil, err
	}
	if f.rows != nil || f.picks > 0 {
		h.values = make([]float32, h.out.Len())
	} else {
		h.stats = make([]nn.Run, (d.gemma.Vocab+nn.RunRows-1)/nn.RunRows*f.columns)
	}
	return h, nil
}

// compute runs the graph on the hidden states of the requests' sequences and
// reads the result.
func (h *head) compute(ctx context.Context, requests []*Request) error {
	var hidden []float32
	for _, r := range requests {
		hidden = append(hidden, r.Sequence.hidden...)
	}
	if err := nn.Set(h.g, h.x, hidden); err != nil {
		return err
	}
	if err := h.g.Compute(ctx); err != nil {
		return err
	}
	if h.stats != nil {
		return nn.GetRuns(h.g, h.out, h.stats)
	}
	return nn.Get(h.g, h.out, h.values)
}

// closeHeads frees all heads.
func (d *Decoder) closeHeads() {
	for _, h := range d.heads {
		h.g.Close()
	}
	d.heads = nil
}

// canSummarize reports whether runStats works: kernels read the output head, and
// no trace wants the logits.
func (d *Decoder) canSummarize() bool {
	return d.Trace == nil && d.backend.ReadsRows(d.gemma.Embedding)
}

// logits computes the logits of the tokens in rows as the next of requests.
func (d *Decoder) logits(ctx context.Context, rows []gemma.Rows, requests []*Request) (*head, error) {
	h, err := d.head(headForm{rows: rows, columns: len(requests)})
	if err != nil {
		return nil, err
	}
	return h, h.compute(ctx, requests)
}

// runStats computes the softmax statistics of the logits of the requests' next
// tokens, for each run of 64 tokens.
func (d *Decoder) runStats(ctx context.Context, requests []*Request) (*head, error) {
	h, err := d.head(headForm{columns: len(requests)})
	if err != nil {
		return nil, err
	}
	return h, h.compute(ctx, requests)
}

// of returns the statistics of a column.
func (h *head) of(column int) []nn.Run {
	n := len(h.stats) / h.form.columns
	return h.stats[column*n : (column+1)*n]
}

// runLogits returns the logits of runs of tokens as the next of a request, and
// the ids of these tokens. They are valid until the next call.
func (d *Decoder) runLogits(ctx context.Context, r *Request, runs []int32) ([]float32, []grammar.Range, error) {
	h, err := d.head(headForm{picks: len(runs), columns: 1})
	if err != nil {
		return nil, nil, err
	}
	if err := nn.Set(h.g, h.runs, runs); err != nil {
		return nil, nil, err
	}
	if err := h.compute(ctx, []*Request{r}); err != nil {
		return nil, nil, err
	}
	n, ids := 0, make([]grammar.Range, 0, len(runs))
	for _, run := range runs {
		r := grammar.Range{First: run * nn.RunRows, Last: min((run+1)*nn.RunRows, int32(d.gemma.Vocab))}
		ids, n = append(ids, r), n+int(r.Last-r.First)
	}
	return h.values[:n], ids, nil // only the last run of all may be shorter
}
