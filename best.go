package paligemma

import (
	"context"
	"fmt"
	"math"

	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/kernels"
)

// likeliest returns the likeliest of all tokens, the first of equals, as the
// sampler would choose it, without keeping the others' logits. ok is false where
// only all logits can tell.
func (s *Session) likeliest(ctx context.Context) (t Token, ok bool, err error) {
	decoder := s.model.decoder
	if s.model.opts.Trace != nil || !s.backend.ReadsRows(decoder.Embedding) { // a trace wants the logits
		return Token{}, false, nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("paligemma: generate: %w", err)
		}
	}()
	if s.best == nil {
		if s.best, err = s.newHead(gemma.LogitsNodes(1), decoder.Best); err != nil {
			return Token{}, false, err
		}
	}
	if err := s.best.compute(ctx, s.hidden); err != nil {
		return Token{}, false, err
	}
	id, logProb := greatest(s.best.result)
	if logProb-logProb != 0 { // the sampler says which token's logit is no number
		return Token{}, false, nil
	}
	t = Token{ID: id, LogProb: logProb}
	ids, err := s.model.locseg()
	if err != nil { // the vocabulary has no loc
		return t, true, nil
	}
	if _, isLoc := ids.LocOf(id); isLoc {
		locs := []Range{{ids.Loc, ids.Loc + locseg.Locs}}
		logits, err := s.logits(ctx, locs)
		if err != nil {
			return Token{}, false, err
		}
		t.Spread = s.model.spread(logits, locs, id)
	}
	return t, true, nil
}

// greatest returns the token with the greatest logit of all runs, and its
// log-probability; NaN if not all logits are finite.
func greatest(runs []float32) (id int32, logProb float32) {
	top, sum := float32(math.Inf(-1)), 0.0
	for i := 0; i < len(runs); i += kernels.BestFloats {
		b := kernels.BestOf(runs[i:])
		switch {
		case b.Top > top:
			id = int32(i/kernels.BestFloats*kernels.RunRows) + int32(b.Row)
			sum = sum*math.Exp(float64(top-b.Top)) + float64(b.Sum)
			top = b.Top
		case b.Top <= top:
			sum += float64(b.Sum) * math.Exp(float64(b.Top-top))
		default:
			return 0, b.Top
		}
	}
	return id, float32(-math.Log(sum))
}
