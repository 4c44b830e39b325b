package sample

import (
	"math"
	"slices"

	"github.com/pgcli/paligemma/grammar"
)

// LogSumExp is log(sum(exp(x))), without overflow.
func LogSumExp(x []float32) float32 {
	top := slices.Max(x)
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v - top))
	}
	return top + float32(math.Log(sum))
}

// MeanDistance is the mean of |x - id| over the ids x of a range, drawn by the
// softmax of their logits. Logits are in the order of among; of the range, only
// ids that are among them count. id must be one of these.
func MeanDistance(logits []float32, among []grammar.Range, of grammar.Range, id int32) float32 {
	var seen []float32
	var far []int32
	for _, r := range among {
		for x := max(r.First, of.First); x < min(r.Last, of.Last); x++ {
			seen = append(seen, logits[x-r.First])
			far = append(far, max(x-id, id-x))
		}
		logits = logits[r.Last-r.First:]
	}
	top := slices.Max(seen)
	var mass, sum float64
	for i, v := range seen {
		p := math.Exp(float64(v - top))
		mass += p
		sum += p * float64(far[i])
	}
	return float32(sum / mass)
}
