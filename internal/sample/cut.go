package sample

import (
	"cmp"
	"slices"
)

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
