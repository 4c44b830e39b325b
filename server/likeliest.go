package server

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/grammar"
)

// A likely token is one that might have been chosen at a place.
type likely struct {
	id      int32
	logProb float64 // natural logarithm, by the softmax over all tokens, or those that the grammar allows
}

// likeliest reports the likeliest tokens at each place of an answer.
type likeliest struct {
	n     int
	state grammar.State // after the tokens so far; nil allows all
}

// newLikeliest returns the reporter of an answer's likeliest tokens. If none are asked for it
// does nothing: they need the logits of all tokens, which nothing else does.
func newLikeliest(m *paligemma.Model, q question) (*likeliest, error) {
	l := &likeliest{n: q.top}
	if q.top == 0 {
		return l, nil
	}
	var err error
	l.state, err = grammar.Resume(q.sampling.Grammar, m, nil)
	return l, err
}

// took goes on after a token: the grammar's state, which says what is allowed next.
func (l *likeliest) took(id int32) (err error) {
	if l.state != nil {
		l.state, err = grammar.Advance(l.state, id)
	}
	return err
}

// next returns the likeliest tokens as the session's next one, the first first: up to
// l.n of those that the grammar allows, with log-probabilities over these (log-softmax, the
// largest logit taken off so that no exponential overflows). One pass keeps the best in a
// short sorted list, as a vocabulary has 257,152 tokens, and n is at most 20.
func (l *likeliest) next(ctx context.Context, s *paligemma.Session) ([]likely, error) {
	if l.n == 0 {
		return nil, nil
	}
	logits, err := s.Logits(ctx)
	if err != nil {
		return nil, err
	}
	allowed := grammar.All(len(logits))
	if l.state != nil {
		allowed = l.state.Allowed()
	}
	most := math.Inf(-1)
	for _, id := range grammar.IDs(allowed) {
		most = max(most, float64(logits[id]))
	}
	sum := 0.0
	var best []likely
	for _, id := range grammar.IDs(allowed) {
		v := float64(logits[id])
		sum += math.Exp(v - most)
		if len(best) == l.n && v <= best[l.n-1].logProb {
			continue
		}
		i, _ := slices.BinarySearchFunc(best, v, func(b likely, v float64) int { return cmp.Compare(v, b.logProb) })
		for i < len(best) && best[i].logProb == v { // of equals the lower id, as greedy choice has it
			i++
		}
		best = slices.Insert(best, i, likely{id, v})[:min(len(best)+1, l.n)]
	}
	for i := range best {
		best[i].logProb -= most + math.Log(sum)
	}
	return best, nil
}
