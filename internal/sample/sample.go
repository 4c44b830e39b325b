// Package sample chooses tokens from logits. It needs no model.
//
// A [Sampler] follows big_vision's predict_fns.py: the temperature first, then
// the cuts top-k, top-p and min-p, where ties at a cut stay. Log-probabilities
// are by the model's own softmax, before temperature and cuts.
package sample

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/pgcli/paligemma/grammar"
)

// Options say how tokens are chosen. The zero value is greedy.
type Options struct {
	Temperature float32 // 0 takes the likeliest token
	TopK        int     // draw from the k likeliest; 0 from all
	TopP        float32 // draw from the likeliest that make up this probability; 0 and 1 from all
	MinP        float32 // draw from those at least this likely, relative to the likeliest; 0 from all
	Seed        uint64  // the same seed and logits: the same tokens
	Forbidden   []int32 // ids that are never chosen
}

// Check reports the first number that is out of range.
func (o Options) Check() error {
	in := func(v, low, high float32) bool { return v >= low && v <= high }
	switch {
	case !in(o.Temperature, 0, 100):
		return fmt.Errorf("temperature is %v, want 0 to 100", o.Temperature)
	case o.TopK < 0:
		return fmt.Errorf("top-k is %d, want 0 or more", o.TopK)
	case !in(o.TopP, 0, 1):
		return fmt.Errorf("top-p is %v, want 0 to 1", o.TopP)
	case !in(o.MinP, 0, 1):
		return fmt.Errorf("min-p is %v, want 0 to 1", o.MinP)
	}
	return nil
}

// A Sampler chooses tokens from logits. It is not safe for concurrent use.
type Sampler struct {
	Options
	candidates []candidate // memory used again by each draw
}

// New returns a Sampler for options that Check accepts.
func New(o Options) *Sampler { return &Sampler{Options: o} }

// Argmax reports whether the sampler takes the token with the greatest logit,
// whatever the others are, unless that token is forbidden.
func (s *Sampler) Argmax() bool { return s.Temperature == 0 }

// Enough returns how many of the greatest logits decide the choice; ok is false
// if all logits do. Ties with the least of them count as more.
func (s *Sampler) Enough() (n int, ok bool) {
	switch {
	case s.Argmax():
		n = 1
	case s.TopK == 0:
		return 0, false
	default:
		n = s.TopK
	}
	return n + len(s.Forbidden), true
}

// Forbids reports whether an id is never chosen.
func (s *Sampler) Forbids(id int32) bool { return slices.Contains(s.Forbidden, id) }

// Choose returns token number n of an answer: its id, which is among the
// ranges, and the place i of its logit. Logits are in the order of the ranges
// and must be finite. A choice depends on the seed and n alone, so that an
// answer may be generated in parts.
func (s *Sampler) Choose(logits []float32, among []grammar.Range, n int) (i int, id int32, err error) {
	top := -1
	for i, candidate := range grammar.IDs(among) {
		v := logits[i]
		if v-v != 0 { // true of NaN and infinities only
			return 0, 0, fmt.Errorf("logit of token %d is %v", candidate, v)
		}
		if (top < 0 || v > logits[top]) && !s.Forbids(candidate) {
			top, id = i, candidate
		}
	}
	switch {
	case top < 0:
		return 0, 0, errors.New("every token that may come next is forbidden")
	case s.Argmax():
		return top, id, nil
	}
	i, id = s.draw(logits, logits[top], among, n)
	return i, id, nil
}

// draw samples from softmax(logits/temperature), cut by top-k, then top-p, then
// min-p. top is the greatest logit that is not forbidden.
func (s *Sampler) draw(logits []float32, top float32, among []grammar.Range, n int) (i int, id int32) {
	all := s.candidates[:0]
	for i, id := range grammar.IDs(among) {
		if v := logits[i]; !s.Forbids(id) {
			all = append(all, candidate{i, id, v, math.Exp(float64(v-top) / float64(s.Temperature))})
		}
	}
	s.candidates = all
	all = s.cut(all)
	left := rand.New(rand.NewPCG(s.Seed, uint64(n))).Float64() * mass(all)
	for _, c := range all {
		if left -= c.p; left < 0 {
			return c.i, c.id
		}
	}
	c := all[len(all)-1]
	return c.i, c.id
}
