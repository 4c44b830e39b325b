package paligemma

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Sampling says how tokens are chosen. The zero value, and nil, is greedy
// until <eos> or a full context.
type Sampling struct {
	Temperature float32 // 0 takes the likeliest token; higher flattens the odds
	TopK        int     // draw from the k likeliest; 0 from all
	TopP        float32 // draw from the likeliest that make up this probability; 0 and 1 from all
	MinP        float32 // draw from those at least this likely, relative to the likeliest; 0 from all
	Seed        uint64  // same seed, model and device: same tokens
	MaxTokens   int     // 0 for no limit but the context
	Forbidden   []int32 // ids that are never chosen
	Grammar     Grammar // the answers that are possible, such as Prompt.Grammar; nil for all
}

// Check reports the first value that is out of range.
func (s *Sampling) Check() error {
	in := func(v, low, high float32) bool { return v >= low && v <= high }
	switch {
	case !in(s.Temperature, 0, 100):
		return fmt.Errorf("temperature is %v, want 0 to 100", s.Temperature)
	case s.TopK < 0:
		return fmt.Errorf("top-k is %d, want 0 or more", s.TopK)
	case !in(s.TopP, 0, 1):
		return fmt.Errorf("top-p is %v, want 0 to 1", s.TopP)
	case !in(s.MinP, 0, 1):
		return fmt.Errorf("min-p is %v, want 0 to 1", s.MinP)
	case s.MaxTokens < 0:
		return fmt.Errorf("max tokens is %d, want 0 or more", s.MaxTokens)
	}
	return nil
}

// check is Check for a vocabulary of a given size.
func (s *Sampling) check(vocabulary int) error {
	for _, id := range s.Forbidden {
		if id < 0 || int(id) >= vocabulary {
			return fmt.Errorf("paligemma: forbidden id %d, want 0 to %d", id, vocabulary-1)
		}
	}
	if err := s.Check(); err != nil {
		return fmt.Errorf("paligemma: %w", err)
	}
	return nil
}

// checkSampling is check for a model, which must be able to give the answers of
// the grammar.
func (m *Model) checkSampling(s *Sampling) error {
	if s == nil {
		return nil
	}
	if err := s.check(m.cfg.Vocabulary); err != nil {
		return err
	}
	_, err := m.start(s.Grammar, nil)
	return err
}

// A sampler chooses tokens from logits.
type sampler struct {
	Sampling
	candidate []candidate // reused
}

type candidate struct {
	i     int // of its logit
	id    int32
	logit float32
	p     float64
}

func newSampler(s Sampling) *sampler {
	return &sampler{Sampling: s}
}

// next chooses token number n of an answer among ids, by the logit of each.
// The log-probability is that of the model's own softmax over them: before the
// temperature, and with forbidden ids in the sum (big_vision's predict_fns.py).
func (s *sampler) next(logits []float32, among []Range, n int) (id int32, logProb float32, err error) {
	i, id, err := s.choose(logits, among, n)
	if err != nil {
		return 0, 0, err
	}
	return id, logits[i] - logSumExp(logits), nil
}

// choose is next without the probability; i is the place of the token's logit.
func (s *sampler) choose(logits []float32, among []Range, n int) (i int, id int32, err error) {
	top := -1
	for i, candidate := range each(among) {
		v := logits[i]
		if v-v != 0 { // so it is for NaN and infinities only
			return 0, 0, fmt.Errorf("paligemma: logit of token %d is %v", candidate, v)
		}
		if (top < 0 || v > logits[top]) && !slices.Contains(s.Forbidden, candidate) {
			top, id = i, candidate
		}
	}
	if top < 0 {
		return 0, 0, errors.New("paligemma: every token that may come next is forbidden")
	}
	if s.Temperature > 0 {
		top, id = s.draw(logits, logits[top], among, n)
	}
	return top, id, nil
}

// draw samples from softmax(logits/temperature), cut by top-k, then top-p,
// then min-p. Ties at a cut stay, as in big_vision's nucleus sampling.
func (s *sampler) draw(logits []float32, top float32, among []Range, n int) (i int, id int32) {
	all := s.candidate[:0]
	for i, id := range each(among) {
		if v := logits[i]; !slices.Contains(s.Forbidden, id) {
			all = append(all, candidate{i, id, v, math.Exp(float64(v-top) / float64(s.Temperature))})
		}
	}
	s.candidate = all
	whole, nuclear := 0.0, s.TopP > 0 && s.TopP < 1
	if s.TopK > 0 || nuclear || s.MinP > 0 { // the order matters to cuts only
		whole = total(all)
		all = s.likely(all, whole)
		slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.i, b.i)) })
	}
	if s.TopK > 0 && s.TopK < len(all) {
		all = all[:tied(all, s.TopK)]
		whole = total(all)
	}
	if nuclear {
		all = all[:tied(all, nucleus(all, float64(s.TopP)*whole))]
	}
	for i, c := range all {
		if c.p < float64(s.MinP)*all[0].p {
			all = all[:i]
			break
		}
	}
	// A draw depends on the seed and the token's number alone, so that an answer
	// may be generated in parts.
	left := rand.New(rand.NewPCG(s.Seed, uint64(n))).Float64() * total(all)
	for _, c := range all {
		if left -= c.p; left < 0 {
			return c.i, c.id
		}
	}
	c := all[len(all)-1]
	return c.i, c.id
}

// tied extends the first n candidates by those as likely as the last of them.
func tied(all []candidate, n int) int {
	for n < len(all) && all[n].logit == all[n-1].logit {
		n++
	}
	return n
}

// likely returns those candidates that cuts may leave, or all: to put a
// vocabulary in order would take longer than the model.
func (s *sampler) likely(all []candidate, whole float64) []candidate {
	const least = 1e-6 // of the likeliest's
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

// nucleus counts the candidates up to and with the one that brings what they
// have together to p.
func nucleus(all []candidate, p float64) int {
	sum := 0.0
	for i, c := range all {
		if sum += c.p; sum >= p {
			return i + 1
		}
	}
	return len(all)
}

func total(all []candidate) float64 {
	sum := 0.0
	for _, c := range all {
		sum += c.p
	}
	return sum
}

// logSumExp is log(sum(exp(x))), without overflow.
func logSumExp(x []float32) float32 {
	top := slices.Max(x)
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v - top))
	}
	return top + float32(math.Log(sum))
}
