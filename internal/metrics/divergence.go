package metrics

import (
	"math"
	"slices"
)

// KL returns the Kullback-Leibler divergence D(a||b), in nats, of softmax(b) from
// softmax(a). The logits must be finite, and as many in a as in b, at least one.
func KL(a, b []float32) float64 {
	topA, logA := logSum(a)
	topB, logB := logSum(b)
	sum := 0.0
	for i := range a {
		p := float64(a[i]) - topA - logA
		sum += math.Exp(p) * (p - (float64(b[i]) - topB - logB))
	}
	return max(0, sum) // rounding may make it negative
}

// logSum returns the largest value, and log(sum(exp(x - largest))).
// Their sum is the log-sum-exp.
func logSum(x []float32) (top, log float64) {
	top = float64(slices.Max(x))
	for _, v := range x {
		log += math.Exp(float64(v) - top)
	}
	return top, math.Log(log)
}

// Argmax returns the index of the largest value, the first of equals.
func Argmax(x []float32) int {
	top := 0
	for i, v := range x {
		if v > x[top] {
			top = i
		}
	}
	return top
}

// A Distribution collects values. It takes 8 bytes for each. The zero value is
// empty.
type Distribution struct{ values []float64 }

// Add adds a value.
func (d *Distribution) Add(v float64) { d.values = append(d.values, v) }

// Len returns the number of values.
func (d *Distribution) Len() int { return len(d.values) }

// Mean returns the mean of the values, 0 without any.
func (d *Distribution) Mean() float64 {
	if len(d.values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range d.values {
		sum += v
	}
	return sum / float64(len(d.values))
}

// Quantiles returns, for each share from 0 to 1, the value below which that share
// of the values lies, interpolated between the nearest two; 0 without any values.
func (d *Distribution) Quantiles(shares ...float64) []float64 {
	out := make([]float64, len(shares))
	if len(d.values) == 0 {
		return out
	}
	s := slices.Sorted(slices.Values(d.values))
	for i, q := range shares {
		at := q * float64(len(s)-1)
		below := int(at)
		above := min(below+1, len(s)-1)
		out[i] = s[below] + (at-float64(below))*(s[above]-s[below])
	}
	return out
}
