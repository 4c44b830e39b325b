package decode

import (
	"cmp"
	"context"
	"slices"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

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

// greatest returns the numbers of the n runs with the greatest logits, in
// order: they hold the n greatest logits. It returns nil if other runs' are as
// great as the least of these.
func greatest(runs []nn.Run, n int) []int32 {
	top := func(run int32) float32 { return runs[run].Max }
	best := make([]int32, 0, n+1) // the greatest first
	for run := range int32(len(runs)) {
		if len(best) == n && top(run) <= top(best[n-1]) {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, top(run), func(r int32, v float32) int { return cmp.Compare(v, top(r)) })
		best = slices.Insert(best, at, run)
		best = best[:min(n, len(best))]
	}
	least, others := top(best[len(best)-1]), -len(best)
	for run := range int32(len(runs)) {
		if top(run) >= least {
			others++
		}
	}
	if others > 0 {
		return nil
	}
	slices.Sort(best)
	return best
}
