package metrics

import (
	"cmp"
	"slices"
)

// A Ranking collects scores, and which of what they score is right. It keeps 16
// bytes for each.
type Ranking struct{ items []scored }

type scored struct {
	score float64
	right bool
}

// Add adds one.
func (r *Ranking) Add(score float64, right bool) { r.items = append(r.items, scored{score, right}) }

// Len counts those added.
func (r *Ranking) Len() int { return len(r.items) }

// sorted has the highest score first; ties in order of addition.
func (r *Ranking) sorted() []scored {
	s := slices.Clone(r.items)
	slices.SortStableFunc(s, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	return s
}

// Halves is the share that is right in the upper and in the lower half of
// scores; one left over belongs to the lower.
func (r *Ranking) Halves() (upper, lower float64) {
	s := r.sorted()
	return precision(s[:len(s)/2]), precision(s[len(s)/2:])
}

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

// AveragePrecision is the area under the curve of precision over recall, as a
// sum of steps, when truth things could have been found. Equal scores enter
// together.
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
