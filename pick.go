package paligemma

import (
	"cmp"
	"context"
	"slices"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/kernels"
)

// A picker is a graph of the logits of some runs of tokens.
type picker struct {
	*head
	runs nn.Tensor // their numbers [n]
}

// newPicker returns one of n runs.
func (s *Session) newPicker(n int) (*picker, error) {
	p := &picker{}
	var err error
	p.head, err = s.newHead(gemma.LogitsNodes(1)+1, func(g *nn.Graph, x nn.Tensor) nn.Tensor {
		p.runs = g.Input("runs", gguf.I32, n)
		return s.model.decoder.Picked(g, x, p.runs)
	})
	return p, err
}

// close frees the graph. It is safe on nil.
func (p *picker) close() {
	if p != nil {
		p.head.close()
	}
}

// compute returns the logits of runs, in order, and which tokens' they are. They
// are valid until the next call.
func (p *picker) compute(ctx context.Context, hidden []float32, runs []int32, vocabulary int) ([]float32, []Range, error) {
	if err := nn.Set(p.g, p.runs, runs); err != nil {
		return nil, nil, err
	}
	if err := p.head.compute(ctx, hidden); err != nil {
		return nil, nil, err
	}
	n, among := 0, make([]Range, 0, len(runs))
	for _, run := range runs {
		r := Range{run * kernels.RunRows, min((run+1)*kernels.RunRows, int32(vocabulary))}
		among, n = append(among, r), n+int(r.Last-r.First)
	}
	return p.result[:n], among, nil // only the last run of all may be shorter
}

// pick chooses among the tokens of runs, as sm does, and returns the token's
// logit. ok is false if it cannot.
func (s *Session) pick(ctx context.Context, sm *sampler, runs []int32) (id int32, logit float32, ok bool, err error) {
	if runs == nil {
		return 0, 0, false, nil
	}
	if s.picker == nil || s.picker.runs.Len() != len(runs) {
		s.picker.close()
		if s.picker, err = s.newPicker(len(runs)); err != nil {
			s.picker = nil
			return 0, 0, false, err
		}
	}
	logits, among, err := s.picker.compute(ctx, s.hidden, runs, s.model.cfg.Vocabulary)
	if err != nil {
		return 0, 0, false, err
	}
	i, id, err := sm.choose(logits, among, len(s.answer))
	if err != nil { // which will be said of all logits
		return 0, 0, false, nil
	}
	return id, logits[i], true, nil
}

// greatestRuns returns the numbers of the n runs with the greatest logits, in
// order; nil if others' are as great as the least of theirs.
func greatestRuns(runs []float32, n int) []int32 {
	top := func(run int32) float32 { return kernels.BestOf(runs[run*kernels.BestFloats:]).Top }
	all := int32(len(runs) / kernels.BestFloats)
	best := make([]int32, 0, n+1) // the greatest first
	for run := range all {
		if len(best) == n && top(run) <= top(best[n-1]) {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, top(run), func(r int32, v float32) int { return cmp.Compare(v, top(r)) })
		best = slices.Insert(best, at, run)
		best = best[:min(n, len(best))]
	}
	least, others := top(best[len(best)-1]), -len(best)
	for run := range all {
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
