package testmodel

import (
	"math"
	"slices"
	"testing"
)

// A Recorder keeps what a graph traces.
type Recorder struct{ taps []Tap }

// A Tap is a named activation; shape is fastest axis first.
type Tap struct {
	Name   string
	Shape  []int
	Values []float32
}

// Trace is the recorder's nn.TraceFunc.
func (r *Recorder) Trace(name string, shape []int, values []float32) {
	r.taps = append(r.taps, Tap{name, slices.Clone(shape), slices.Clone(values)})
}

// Take returns what came since the last Take.
func (r *Recorder) Take() []Tap {
	taps := r.taps
	r.taps = nil
	return taps
}

// Find returns the first tap of a name.
func Find(t testing.TB, list []Tap, name string) Tap {
	t.Helper()
	for _, x := range list {
		if x.Name == name {
			return x
		}
	}
	t.Fatalf("nothing is traced as %s", name)
	return Tap{}
}

// Distance is the norm of the difference over the norm of want.
func Distance(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var diff, norm float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		diff, norm = diff+d*d, norm+float64(want[i])*float64(want[i])
	}
	return math.Sqrt(diff / norm)
}

// Farthest is the largest difference of two values; infinite if the lengths
// differ, and NaN if any value is.
func Farthest(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range want {
		most = max(most, math.Abs(float64(got[i])-float64(want[i])))
	}
	return most
}

// Dot is the inner product.
func Dot(x, y []float32) float64 {
	sum := 0.0
	for i := range x {
		sum += float64(x[i]) * float64(y[i])
	}
	return sum
}

// Power is the sum of squares.
func Power(x []float32) float64 { return Dot(x, x) }

// Cosine is the cosine of the angle between x and y.
func Cosine(x, y []float32) float64 { return Dot(x, y) / math.Sqrt(Power(x)*Power(y)) }
