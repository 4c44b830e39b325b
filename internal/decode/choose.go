package decode

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/sample"
)

// choose gives the requests that have no error their tokens or logits.
func (d *Decoder) choose(ctx context.Context, requests []*Request) {
	var summaries, others []*Request
	for _, r := range requests {
		switch {
		case r.Err != nil || r.Sampler == nil && len(r.Allowed) == 0:
		case d.summaryDecides(r):
			summaries = append(summaries, r)
		default:
			others = append(others, r)
		}
	}
	for some := range slices.Chunk(summaries, mostColumns) {
		others = append(others, d.likeliest(ctx, some)...)
	}
	for len(others) > 0 {
		var same []*Request
		rows := d.rowsOf(others[0])
		others = slices.DeleteFunc(others, func(r *Request) bool {
			if len(same) == mostColumns || !slices.Equal(d.rowsOf(r), rows) {
				return false
			}
			same = append(same, r)
			return true
		})
		d.fromLogits(ctx, rows, same)
	}
}

// summaryDecides reports whether the softmax statistics of all logits, and the
// logits of few runs of tokens, decide a request.
func (d *Decoder) summaryDecides(r *Request) bool {
	if r.Sampler == nil || r.Allowed != nil || !d.canSummarize() {
		return false
	}
	enough, ok := r.Sampler.Enough()
	return ok && (enough == 1 || enough <= d.gemma.Vocab/nn.RunRows/4)
}

// rowsOf returns the rows of the output head that a request needs.
func (d *Decoder) rowsOf(r *Request) []gemma.Rows {
	if _, ok := Forced(r.Allowed); ok {
		return nil
	}
	return headRows(d.allowed(r), d.gemma.Vocab, !d.backend.OnCPU())
}

// allowed returns the ids that may come next.
func (d *Decoder) allowed(r *Request) []grammar.Range {
	if r.Allowed == nil {
		return grammar.All(d.gemma.Vocab)
	}
	return r.Allowed
}

// Forced returns the id that is allowed, if it is the only one: its logit cannot
// matter.
func Forced(allowed []grammar.Range) (id int32, ok bool) {
	if len(allowed) == 1 && allowed[0].Last == allowed[0].First+1 {
		return allowed[0].First, true
	}
	return 0, false
}

// fromLogits decides requests that need the logits of the same rows.
func (d *Decoder) fromLogits(ctx context.Context, rows []gemma.Rows, requests []*Request) {
	if rows == nil {
		for _, r := range requests {
			d.decide(r, []float32{0})
		}
		return
	}
	h, err := d.logits(ctx, rows, hiddenOf(requests))
	if err != nil {
		fail(requests, err)
		return
	}
	// To draw from a large vocabulary takes a thread some milliseconds.
	var all sync.WaitGroup
	for column, r := range requests {
		all.Go(func() { d.decide(r, h.pick(r.Sequence.logits[:0], column, d.allowed(r))) })
	}
	all.Wait()
}

// decide gives a request its result, by the logits of the allowed ids.
func (d *Decoder) decide(r *Request, logits []float32) {
	r.Sequence.logits = logits
	if r.Sampler == nil {
		if i := notFinite(logits); i >= 0 {
			r.Err = fmt.Errorf("logit %d of %d: %w", i, len(logits), nn.ErrNotFinite)
			return
		}
		r.Logits = logits
		return
	}
	i, id, err := r.Sampler.Choose(logits, d.allowed(r), r.Number)
	if err != nil {
		r.Err = err
		return
	}
	r.Choice = Choice{ID: id, LogProb: logits[i] - sample.LogSumExp(logits), Spread: d.spread(logits, d.allowed(r), id)}
}

// spread is a Choice's Spread, given the logits of the tokens that were allowed.
func (d *Decoder) spread(logits []float32, allowed []grammar.Range, id int32) float32 {
	if !d.isLoc(id) {
		return 0
	}
	return sample.MeanDistance(logits, allowed, d.Locs, id)
}

func (d *Decoder) isLoc(id int32) bool { return d.Locs.First <= id && id < d.Locs.Last }
