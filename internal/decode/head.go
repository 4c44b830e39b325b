package decode

import (
	"context"
	"slices"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A headGraph maps a hidden state to a result. It is apart from the graph of a
// step: a grammar says which logits are needed only once the step's token is
// known, and the step's graph is the same whatever may come next.
type headGraph struct {
	g      *nn.Graph
	x, out nn.Tensor // [d], and the result
}

// newHead compiles the graph that build makes of a hidden state x [d].
func (d *Decoder) newHead(nodes int, build func(g *nn.Graph, x nn.Tensor) nn.Tensor) (headGraph, error) {
	g, err := nn.NewGraph(d.backend, nodes, d.Trace)
	if err != nil {
		return headGraph{}, err
	}
	h := headGraph{g: g, x: g.Input("hidden", gguf.F32, d.gemma.Width)}
	h.out = build(g, h.x)
	if err := g.Compile(h.out); err != nil {
		g.Close()
		return headGraph{}, err
	}
	return h, nil
}

// compute runs the graph on a sequence's hidden state.
func (h headGraph) compute(ctx context.Context, s *Sequence) error {
	if err := nn.Set(h.g, h.x, s.hidden); err != nil {
		return err
	}
	return h.g.Compute(ctx)
}

// A head is the graph of the logits of the tokens in rows.
type head struct {
	headGraph
	rows   []gemma.Rows
	logits []float32 // one run of rows after another
}

// Sizes of heads. A row costs less than a node of a graph, and a graph less than
// many of them.
const (
	headGap   = 16  // ranges no farther apart are computed as one
	headAlign = 256 // longer ranges are widened to its multiples, so that few heads serve all
	headRuns  = 256 // with more runs of rows the head computes all tokens
	mostHeads = 32  // that a decoder keeps
)

// Logits returns the logits of the tokens allowed as the next of a sequence, in
// the order of the ranges. They are valid until the next call. A single token
// has logit 0: it cannot matter.
func (d *Decoder) Logits(ctx context.Context, s *Sequence, allowed []grammar.Range) ([]float32, error) {
	if len(allowed) == 1 && allowed[0].Last == allowed[0].First+1 {
		return []float32{0}, nil
	}
	h, err := d.head(headRows(allowed, d.gemma.Vocab, !d.backend.OnCPU()))
	if err != nil {
		return nil, err
	}
	if err := h.compute(ctx, s); err != nil {
		return nil, err
	}
	if err := nn.Get(h.g, h.out, h.logits); err != nil {
		return nil, err
	}
	return h.pick(allowed), nil
}

// headRows returns the rows to compute for ranges of ids: runs of rows, each of
// which holds whole ranges. With aligned all runs begin at a multiple of 256, so
// that rows of every type begin at one of 256 bytes: drivers of GPUs may want
// that of operands.
func headRows(allowed []grammar.Range, vocabulary int, aligned bool) []gemma.Rows {
	var rows []gemma.Rows
	for _, r := range allowed {
		first, last := int(r.First), int(r.Last)
		if last-first > headGap || aligned {
			first, last = first/headAlign*headAlign, min((last+headAlign-1)/headAlign*headAlign, vocabulary)
		}
		if n := len(rows); n > 0 && first <= rows[n-1].First+rows[n-1].Len+headGap {
			rows[n-1].Len = max(rows[n-1].Len, last-rows[n-1].First)
		} else {
			rows = append(rows, gemma.Rows{First: first, Len: last - first})
		}
	}
	if len(rows) > headRuns {
		return []gemma.Rows{{First: 0, Len: vocabulary}}
	}
	return rows
}

// head returns the graph for rows, which may exist already.
func (d *Decoder) head(rows []gemma.Rows) (*head, error) {
	for _, h := range d.heads {
		if slices.Equal(h.rows, rows) {
			return h, nil
		}
	}
	if len(d.heads) == mostHeads {
		d.closeLogits()
	}
	graph, err := d.newHead(gemma.LogitsNodes(len(rows)), func(g *nn.Graph, x nn.Tensor) nn.Tensor {
		return d.gemma.Logits(g, x, rows)
	})
	if err != nil {
		return nil, err
	}
	h := &head{headGraph: graph, rows: rows, logits: make([]float32, graph.out.Len())}
	d.heads = append(d.heads, h)
	return h, nil
}

// pick moves the logits of ranges to the front and returns them.
func (h *head) pick(allowed []grammar.Range) []float32 {
	n, run, before := 0, 0, 0 // picked; run of rows, and how many rows are before it
	for _, r := range allowed {
		for int(r.First) >= h.rows[run].First+h.rows[run].Len {
			before += h.rows[run].Len
			run++
		}
		from := before + int(r.First) - h.rows[run].First
		n += copy(h.logits[n:], h.logits[from:from+int(r.Last-r.First)])
	}
	return h.logits[:n]
}

// A statsHead is the graph of the softmax statistics of all logits, by runs of
// 64 tokens.
type statsHead struct {
	headGraph
	stats []nn.Run
}

// canSummarize reports whether runStats works: kernels read the output head, and
// no trace wants the logits.
func (d *Decoder) canSummarize() bool {
	return d.Trace == nil && d.backend.ReadsRows(d.gemma.Head)
}

// runStats returns the softmax statistics of the logits of a sequence's next
// token, for each run of 64 tokens. They are valid until the next call.
func (d *Decoder) runStats(ctx context.Context, s *Sequence) ([]nn.Run, error) {
	if d.stats == nil {
		graph, err := d.newHead(gemma.LogitsNodes(1), d.gemma.Runs)
		if err != nil {
			return nil, err
		}
		d.stats = &statsHead{graph, make([]nn.Run, graph.out.Dim(1))}
	}
	h := d.stats
	if err := h.compute(ctx, s); err != nil {
		return nil, err
	}
	return h.stats, nn.GetRuns(h.g, h.out, h.stats)
}

// A runHead is the graph of the logits of n runs of 64 tokens.
type runHead struct {
	headGraph
	numbers nn.Tensor // i32 [n]: which runs
	logits  []float32 // [64, n]
}

// newRunHead builds the graph for n runs.
func (d *Decoder) newRunHead(n int) (*runHead, error) {
	h := &runHead{}
	var err error
	h.headGraph, err = d.newHead(gemma.LogitsNodes(1)+1, func(g *nn.Graph, x nn.Tensor) nn.Tensor {
		h.numbers = g.Input("runs", gguf.I32, n)
		return d.gemma.RunLogits(g, x, h.numbers) // [64, n]
	})
	if err != nil {
		return nil, err
	}
	h.logits = make([]float32, h.out.Len())
	return h, nil
}

// runLogits returns the logits of runs of tokens as the next of a sequence, and
// the ids of these tokens. They are valid until the next call.
func (d *Decoder) runLogits(ctx context.Context, s *Sequence, runs []int32) ([]float32, []grammar.Range, error) {
	if d.runs != nil && d.runs.numbers.Len() != len(runs) {
		d.runs.g.Close()
		d.runs = nil
	}
	if d.runs == nil {
		h, err := d.newRunHead(len(runs))
		if err != nil {
			return nil, nil, err
		}
		d.runs = h
	}
	h := d.runs
	if err := nn.Set(h.g, h.numbers, runs); err != nil {
		return nil, nil, err
	}
	if err := h.compute(ctx, s); err != nil {
		return nil, nil, err
	}
	if err := nn.Get(h.g, h.out, h.logits); err != nil {
		return nil, nil, err
	}
	n, ids := 0, make([]grammar.Range, 0, len(runs))
	for _, run := range runs {
		r := grammar.Range{First: run * nn.RunRows, Last: min((run+1)*nn.RunRows, int32(d.gemma.Vocab))}
		ids, n = append(ids, r), n+int(r.Last-r.First)
	}
	return h.logits[:n], ids, nil // only the last run of all may be shorter
}

// closeLogits frees the heads of logits.
func (d *Decoder) closeLogits() {
	for _, h := range d.heads {
		h.g.Close()
	}
	d.heads = nil
}

// closeHeads frees all heads.
func (d *Decoder) closeHeads() {
	d.closeLogits()
	if d.stats != nil {
		d.stats.g.Close()
		d.stats = nil
	}
	if d.runs != nil {
		d.runs.g.Close()
		d.runs = nil
	}
}
