package sample

import (
	"math"
	"testing"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestMeanDistance has distributions whose means are known.
func TestMeanDistance(t *testing.T) {
	of := grammar.Range{First: 100, Last: 110}
	log := func(p float64) float32 { return float32(math.Log(p)) }
	flat := make([]float32, 200)
	peak := make([]float32, 200)
	for i := range peak {
		peak[i] = -1000
	}
	peak[50] = 1000 // outside of the range
	two := append([]float32(nil), peak...)
	peak[104] = 3
	two[101], two[109] = log(0.25), log(0.75)
	all := grammar.All(200)
	for _, c := range []struct {
		name   string
		logits []float32
		among  []grammar.Range
		id     int32
		want   float64
	}{
		{"sure", peak, all, 104, 0},
		{"sure of another", peak, all, 106, 2},
		{"flat, from the end", flat, all, 100, 4.5},
		{"flat, from the middle", flat, all, 105, 2.5},
		{"two peaks", two, all, 109, 2},
		{"huge logits", []float32{1e30, 1e30}, testmodel.Ranges(100, 102), 100, 0.5},
		{"some allowed", flat[:6], testmodel.Ranges(3, 5, 106, 110), 106, 1.5},
		{"in parts", []float32{9, 9, 0, 0, 9, 9}, testmodel.Ranges(98, 101, 108, 109, 120, 122), 100, 4},
	} {
		if got := MeanDistance(c.logits, c.among, of, c.id); math.Abs(float64(got)-c.want) > 1e-6 {
			t.Errorf("%s: mean distance is %v, want %v", c.name, got, c.want)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
