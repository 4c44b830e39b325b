package metrics

import (
	"cmp"
	"slices"
)

// A Ranking collects the scores of things found, and whether each thing is right.
// It takes 16 bytes for each. The zero value is empty.
type Ranking struct{ items []scored }

type scored struct {
	score float64
	right bool
}

// Add adds a thing.
func (r *Ranking) Add(score float64, right bool) { r.items = append(r.items, scored{score, right}) }

// sorted returns the things by falling score, equal scores in order of addition.
func (r *Ranking) sorted() []scored {
	s := slices.Clone(r.items)
	slices.SortStableFunc(s, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	return s
}

// Halves returns the share of right things in the half with the higher scores and
// in the other half. The middle one of an odd number belongs to the lower half.
func (r *Ranking) Halves() (upper, lower float64) {
	s := r.sorted()
	return precision(s[:len(s)/2]), precision(s[len(s)/2:])
}

// precision returns the share of right things, 0 without any.
func precision(s []scored) float64 {
	if len(s) == 0 {
		return 0
	}
	right := 0
	for _, v := range s {
		if v.right {
			right++
		}
	}
	return float64(right) / float64(len(s))
}

// AveragePrecision returns the area under the curve of precision over recall, as a
// sum of steps; recall is the share found of truth things. Equal scores make one
// step.
func (r *Ranking) AveragePrecision(truth int) float64 {
	if truth == 0 {
		return 0
	}
	s := r.sorted()
	area, right := 0.0, 0
	for i := 0; i < len(s); {
		start, before := i, right
		for ; i < len(s) && s[i].score == s[start].score; i++ {
			if s[i].right {
				right++
			}
		}
		area += float64(right-before) / float64(truth) * float64(right) / float64(i)
	}
	return area
}
