package decode

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/nn"
)

// likeliest chooses among all tokens as samplers do, but keeps no logits except
// those of the likeliest runs. It returns the requests that need all logits.
func (d *Decoder) likeliest(ctx context.Context, requests []*Request) (rest []*Request) {
	stats, err := d.runStats(ctx, hiddenOf(requests))
	if err != nil {
		fail(requests, err)
		return nil
	}
	sums := make(map[*Request]summary, len(requests))
	picks := make(map[*Request][]int32) // of requests that the logits of some runs decide
	for i, r := range requests {
		runs := stats.runsOf(i)
		sum := summarize(runs)
		sums[r] = sum
		switch enough, _ := r.Sampler.Enough(); {
		case sum.Max-sum.Max != 0: // not finite: the sampler names the token
			rest = append(rest, r)
		case r.Sampler.Argmax() && !r.Sampler.Forbids(sum.Argmax):
			r.Choice = Choice{ID: sum.Argmax, LogProb: sum.Max - sum.LogSumExp}
		default:
			if picks[r] = greatest(runs, enough); picks[r] == nil {
				rest = append(rest, r)
			}
		}
	}
	var locs []*Request
	for _, r := range requests {
		if slices.Contains(rest, r) {
			continue
		}
		if picks[r] != nil && !d.amongRuns(ctx, r, picks[r], sums[r]) {
			rest = append(rest, r)
			continue
		}
		if r.Err == nil && d.isLoc(r.Choice.ID) {
			locs = append(locs, r)
		}
	}
	if len(locs) > 0 {
		d.spreads(ctx, locs)
	}
	return rest
}

// amongRuns chooses a request's token among those of runs. It returns false if
// these do not decide.
func (d *Decoder) amongRuns(ctx context.Context, r *Request, runs []int32, sum summary) bool {
	h, err := d.runLogits(ctx, [][]int32{runs}, [][]float32{r.Sequence.hidden})
	if err != nil {
		r.Err = err
		return true
	}
	ids := make([]grammar.Range, 0, len(runs))
	for _, run := range runs { // of which only the last of all may be shorter
		ids = append(ids, grammar.Range{First: run * nn.RunRows, Last: min((run+1)*nn.RunRows, int32(d.gemma.Vocab))})
	}
	logits := h.values
	i, id, err := r.Sampler.Choose(logits, ids, r.Number)
	if err != nil { // the same error follows from all logits
		return false
	}
	r.Choice = Choice{ID: id, LogProb: logits[i] - sum.LogSumExp}
	return true
}

// spreads measures the spread of chosen coordinates.
func (d *Decoder) spreads(ctx context.Context, requests []*Request) {
	locs := []grammar.Range{d.Locs}
	h, err := d.logits(ctx, headRows(locs, d.gemma.Vocab, !d.backend.OnCPU()), hiddenOf(requests))
	if err != nil {
		fail(requests, err)
		return
	}
	for column, r := range requests {
		r.Sequence.logits = h.pick(r.Sequence.logits[:0], column, locs)
		r.Choice.Spread = d.spread(r.Sequence.logits, locs, r.Choice.ID)
	}
}

// A summary holds the softmax statistics of the logits of all tokens.
type summary struct {
	Argmax    int32   // token with the greatest logit, the first of equals
	Max       float32 // its logit
	LogSumExp float32 // log(sum(exp(logit)))
}

// summarize joins the statistics of runs. If a logit is not finite, neither is
// Max.
func summarize(runs []nn.Run) summary {
	all, sum := summary{Max: float32(math.Inf(-1))}, 0.0
	for i, r := range runs {
		switch {
		case r.Max > all.Max:
			all.Argmax = int32(i*nn.RunRows + r.Argmax)
			sum = sum*math.Exp(float64(all.Max-r.Max)) + float64(r.SumExp)
			all.Max = r.Max
		case r.Max <= all.Max:
			sum += float64(r.SumExp) * math.Exp(float64(r.Max-all.Max))
		default: // not a number
			return summary{Max: r.Max}
		}
	}
	all.LogSumExp = all.Max + float32(math.Log(sum))
	return all
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
