package paligemma

import (
	"context"
	"math"
	"slices"

	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/kernels"
)

// fromBest chooses the next of all tokens as sm would, without keeping the logits
// of all. ok is false where only all logits can tell, or as fast.
func (s *Session) fromBest(ctx context.Context, sm *sampler) (t Token, ok bool, err error) {
	k := sm.TopK
	if sm.Temperature == 0 {
		k = 1
	}
	n := k + len(sm.Forbidden) // runs that hold the k likeliest which are not forbidden
	if k == 0 || n > 1 && n > s.model.cfg.Vocabulary/kernels.RunRows/4 {
		return Token{}, false, nil
	}
	o, ok, err := s.outlook(ctx)
	if err != nil || !ok {
		return Token{}, false, err
	}
	id, logit := o.id, o.top
	if sm.Temperature > 0 || slices.Contains(sm.Forbidden, o.id) {
		if id, logit, ok, err = s.pick(ctx, sm, greatestRuns(o.runs, n)); err != nil || !ok {
			return Token{}, false, err
		}
	}
	t, err = s.token(ctx, id, logit-o.logSumExp)
	return t, err == nil, err
}

// An outlook is what the logits of all tokens come to.
type outlook struct {
	id             int32     // of the greatest, the first of equals
	top, logSumExp float32   // its logit, and log(sum(exp)) of all
	runs           []float32 // a [kernels.Best] for every 64 tokens, valid until the next outlook
}

// outlook computes what all logits come to without keeping them. ok is false
// where only all logits can tell.
func (s *Session) outlook(ctx context.Context) (o outlook, ok bool, err error) {
	decoder := s.model.decoder
	if s.model.opts.Trace != nil || !s.backend.ReadsRows(decoder.Embedding) { // a trace wants the logits
		return outlook{}, false, nil
	}
	if s.best == nil {
		if s.best, err = s.newHead(gemma.LogitsNodes(1), decoder.Best); err != nil {
			return outlook{}, false, err
		}
	}
	if err := s.best.compute(ctx, s.hidden); err != nil {
		return outlook{}, false, err
	}
	o = greatest(s.best.result)
	return o, o.top-o.top == 0, nil // the sampler says which token's logit is no number
}

// token returns a token of all, with how sure the model is of it.
func (s *Session) token(ctx context.Context, id int32, logProb float32) (Token, error) {
	t := Token{ID: id, LogProb: logProb}
	ids, err := s.model.locseg()
	if err != nil { // the vocabulary has no loc
		return t, nil
	}
	if _, isLoc := ids.LocOf(id); isLoc {
		locs := []Range{{ids.Loc, ids.Loc + locseg.Locs}}
		logits, err := s.logits(ctx, locs)
		if err != nil {
			return Token{}, err
		}
		t.Spread = s.model.spread(logits, locs, id)
	}
	return t, nil
}

// greatest sums up runs. If not all logits are finite, neither is the top.
func greatest(runs []float32) outlook {
	o, sum := outlook{top: float32(math.Inf(-1)), runs: runs}, 0.0
	for i := 0; i < len(runs); i += kernels.BestFloats {
		b := kernels.BestOf(runs[i:])
		switch {
		case b.Top > o.top:
			o.id = int32(i/kernels.BestFloats*kernels.RunRows) + int32(b.Row)
			sum = sum*math.Exp(float64(o.top-b.Top)) + float64(b.Sum)
			o.top = b.Top
		case b.Top <= o.top:
			sum += float64(b.Sum) * math.Exp(float64(b.Top-o.top))
		default:
			return outlook{top: b.Top}
		}
	}
	o.logSumExp = o.top + float32(math.Log(sum))
	return o
}
