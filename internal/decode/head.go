package decode

import (
	"context"
	"reflect"
	"slices"

	"github.com/pgcli/paligemma/gguf"
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
	values []float32 // read from out: logits
	stats  []nn.Run  // or statistics
}

// A headForm says what a head computes. With rows it is the logits of their tokens, with
// picks the logits of so many runs of tokens for each column, and with neither the
// statistics of all runs.
type headForm struct {
	rows    []gemma.Rows
	picks   int
	columns int // hidden states
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
	mostRows    = 256 // with more gemma.Rows than this the head computes all tokens
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

// compute runs the graph on hidden states, each [d], and reads the result.
func (h *head) compute(ctx context.Context, hidden [][]float32) error {
	if err := nn.Set(h.g, h.x, slices.Concat(hidden...)); err != nil {
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

// bytes returns the memory of the graph and of what is read from it.
func (h *head) bytes() int {
	return h.g.Bytes() + 4*len(h.values) + int(reflect.TypeFor[nn.Run]().Size())*len(h.stats)
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
	return d.Trace == nil && d.backend.ReadsRows(d.gemma.Head)
}

// logits computes the logits of the tokens in rows after hidden states.
func (d *Decoder) logits(ctx context.Context, rows []gemma.Rows, hidden [][]float32) (*head, error) {
	h, err := d.head(headForm{rows: rows, columns: len(hidden)})
	if err != nil {
		return nil, err
	}
	return h, h.compute(ctx, hidden)
}

// runStats computes the softmax statistics of the logits of all tokens after
// hidden states, for each run of 64 tokens.
func (d *Decoder) runStats(ctx context.Context, hidden [][]float32) (*head, error) {
	h, err := d.head(headForm{columns: len(hidden)})
	if err != nil {
		return nil, err
	}
	return h, h.compute(ctx, hidden)
}

// runLogits computes the logits of the tokens of some runs after hidden states,
// as many runs for each.
func (d *Decoder) runLogits(ctx context.Context, runs [][]int32, hidden [][]float32) (*head, error) {
	h, err := d.head(headForm{picks: len(runs[0]), columns: len(hidden)})
	if err != nil {
		return nil, err
	}
	if err := nn.Set(h.g, h.runs, slices.Concat(runs...)); err != nil {
		return nil, err
	}
	return h, h.compute(ctx, hidden)
}

// logits returns the logits of column i.
func (h *head) logits(i int) []float32 {
	n := len(h.values) / h.form.columns
	return h.values[i*n : (i+1)*n]
}

// runsOf returns the statistics of column i.
func (h *head) runsOf(i int) []nn.Run {
	n := len(h.stats) / h.form.columns
	return h.stats[i*n : (i+1)*n]
}

// hiddenOf returns the hidden states of the sequences' last tokens.
func hiddenOf(requests []*Request) (hidden [][]float32) {
	for _, r := range requests {
		hidden = append(hidden, r.Sequence.hidden)
	}
	return hidden
}
