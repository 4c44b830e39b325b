package decode

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/sample"
)

// A Choice is a token that was chosen.
type Choice struct {
	ID      int32
	LogProb float32 // natural logarithm, by the softmax over the tokens that were allowed
	Spread  float32 // mean distance of an id of Options.Locs from those drawn by the same softmax; 0 for others
}

// Next chooses token number n of an answer, after the last of its sequence,
// among the allowed ids; nil allows all. It computes no step: see Step.
func (d *Decoder) Next(ctx context.Context, s *Sequence, sm *sample.Sampler, allowed []grammar.Range, n int) (Choice, error) {
	if allowed == nil {
		c, ok, err := d.likeliest(ctx, s, sm, n)
		if ok || err != nil {
			return c, err
		}
		allowed = grammar.All(d.gemma.Vocab)
	}
	logits, err := d.Logits(ctx, s, allowed)
	if err != nil {
		return Choice{}, err
	}
	i, id, err := sm.Choose(logits, allowed, n)
	if err != nil {
		return Choice{}, err
	}
	return Choice{ID: id, LogProb: logits[i] - sample.LogSumExp(logits), Spread: d.spread(logits, allowed, id)}, nil
}

// likeliest chooses among all tokens as the sampler does, but keeps no logits
// except those of the likeliest runs. ok is false where all logits are needed,
// or where they cost no more.
func (d *Decoder) likeliest(ctx context.Context, s *Sequence, sm *sample.Sampler, n int) (c Choice, ok bool, err error) {
	enough, ok := sm.Enough()
	if !ok || enough > 1 && enough > d.gemma.Vocab/nn.RunRows/4 || !d.canSummarize() {
		return Choice{}, false, nil
	}
	runs, err := d.runStats(ctx, s)
	if err != nil {
		return Choice{}, false, err
	}
	sum := summarize(runs)
	if sum.Max-sum.Max != 0 { // not finite: the sampler names the token
		return Choice{}, false, nil
	}
	id, logit := sum.Argmax, sum.Max
	if !sm.Argmax() || sm.Forbids(id) {
		if id, logit, ok, err = d.amongRuns(ctx, s, sm, greatest(runs, enough), n); err != nil || !ok {
			return Choice{}, false, err
		}
	}
	c = Choice{ID: id, LogProb: logit - sum.LogSumExp}
	if d.isLoc(id) {
		locs := []grammar.Range{d.Locs}
		logits, err := d.Logits(ctx, s, locs)
		if err != nil {
			return Choice{}, false, err
		}
		c.Spread = d.spread(logits, locs, id)
	}
	return c, true, nil
}

// amongRuns chooses among the tokens of runs, and returns the token's logit. ok
// is false if these do not decide.
func (d *Decoder) amongRuns(ctx context.Context, s *Sequence, sm *sample.Sampler, runs []int32, n int) (id int32, logit float32, ok bool, err error) {
	if runs == nil {
		return 0, 0, false, nil
	}
	logits, ids, err := d.runLogits(ctx, s, runs)
	if err != nil {
		return 0, 0, false, err
	}
	i, id, err := sm.Choose(logits, ids, n)
	if err != nil { // the same error follows from all logits
		return 0, 0, false, nil
	}
	return id, logits[i], true, nil
}

// spread is a Choice's Spread, given the logits of the tokens that were allowed.
func (d *Decoder) spread(logits []float32, allowed []grammar.Range, id int32) float32 {
	if !d.isLoc(id) {
		return 0
	}
	return sample.MeanDistance(logits, allowed, d.Locs, id)
}

func (d *Decoder) isLoc(id int32) bool { return d.Locs.First <= id && id < d.Locs.Last }

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
