// Package sample chooses tokens from logits. It needs no model.
//
// A [Sampler] follows big_vision's predict_fns.py: the temperature first, then
// the cuts top-k, top-p and min-p, where ties at a cut stay. Log-probabilities
// are by the model's own softmax, before temperature and cuts.
package sample

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/pgcli/paligemma/grammar"
)

// ErrForbidden is about a choice among tokens that are all forbidden.
var ErrForbidden = errors.New("every token that may come next is forbidden")

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
		return 0, 0, ErrForbidden
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

// A candidate is a token that may be drawn.
type candidate struct {
	i     int // place of its logit
	id    int32
	logit float32
	p     float64 // relative to the likeliest token
}

// cut leaves the candidates that top-k, top-p and min-p leave, the likeliest
// first. Without any of these all stay, in their order.
func (s *Sampler) cut(all []candidate) []candidate {
	nucleus := s.TopP > 0 && s.TopP < 1
	if s.TopK == 0 && !nucleus && s.MinP == 0 {
		return all
	}
	whole := mass(all)
	all = s.likely(all, whole)
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.i, b.i)) })
	if s.TopK > 0 && s.TopK < len(all) {
		all = all[:tied(all, s.TopK)]
		whole = mass(all)
	}
	if nucleus {
		all = all[:tied(all, reach(all, float64(s.TopP)*whole))]
	}
	for i, c := range all {
		if c.p < float64(s.MinP)*all[0].p {
			return all[:i]
		}
	}
	return all
}

// likely leaves out candidates that no cut leaves, where that is certain: to
// sort a vocabulary of 257152 would take longer than the model.
func (s *Sampler) likely(all []candidate, whole float64) []candidate {
	const least = 1e-6 // of the likeliest candidate's probability
	n, sum := 0, 0.0
	for _, c := range all {
		if c.p >= least {
			n, sum = n+1, sum+c.p
		}
	}
	switch {
	case s.TopK > 0 && n >= s.TopK:
	case s.TopK == 0 && s.TopP > 0 && s.TopP < 1 && sum >= float64(s.TopP)*whole:
	case s.TopK == 0 && s.MinP > least:
	default:
		return all
	}
	return slices.DeleteFunc(all, func(c candidate) bool { return c.p < least })
}

// tied extends the first n candidates by those as likely as the last of them.
func tied(all []candidate, n int) int {
	for n < len(all) && all[n].logit == all[n-1].logit {
		n++
	}
	return n
}

// reach counts the candidates that together have mass p, the one that reaches
// it included.
func reach(all []candidate, p float64) int {
	sum := 0.0
	for i, c := range all {
		if sum += c.p; sum >= p {
			return i + 1
		}
	}
	return len(all)
}

// mass is the sum of the candidates' probabilities.
func mass(all []candidate) float64 {
	sum := 0.0
	for _, c := range all {
		sum += c.p
	}
	return sum
}
