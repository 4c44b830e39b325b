package paligemma

import (
	"context"
	"fmt"
	"math"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/kernels"
)

// A best is the graph that finds the likeliest of all tokens, while their logits
// are computed and without keeping them.
type best struct {
	g      *nn.Graph // nil where only all logits can tell
	x, out nn.Tensor
	runs   []float32
}

func (s *Session) newBest() (*best, error) {
	if s.model.opts.Trace != nil { // which wants the logits
		return &best{}, nil
	}
	g, err := nn.NewGraph(s.backend, gemma.LogitsNodes(1), nil)
	if err != nil {
		return nil, err
	}
	b := &best{g: g, x: g.Input("hidden", bindings.F32, s.model.cfg.text.Width)}
	b.out = s.model.decoder.Best(g, b.x)
	if g.Err() == nil && !b.out.Valid() { // no kernels for the head
		g.Close()
		return &best{}, nil
	}
	if err := g.Compile(b.out); err != nil {
		g.Close()
		return nil, err
	}
	b.runs = make([]float32, b.out.Len())
	return b, nil
}

// close frees the graph. It is safe on nil.
func (b *best) close() {
	if b != nil && b.g != nil {
		b.g.Close()
	}
}

// likeliest returns the likeliest of all tokens, the first of equals, as the
// sampler would choose it. ok is false where only all logits can tell.
func (s *Session) likeliest(ctx context.Context) (t Token, ok bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("paligemma: generate: %w", err)
		}
	}()
	if s.best == nil {
		if s.best, err = s.newBest(); err != nil {
			return Token{}, false, err
		}
	}
	if s.best.g == nil {
		return Token{}, false, nil
	}
	if err := nn.Set(s.best.g, s.best.x, s.hidden); err != nil {
		return Token{}, false, err
	}
	if err := s.best.g.Compute(ctx); err != nil {
		return Token{}, false, err
	}
	if err := nn.Get(s.best.g, s.best.out, s.best.runs); err != nil {
		return Token{}, false, err
	}
	id, logProb := greatest(s.best.runs)
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
