package sample

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/grammar"
)

// plain is the definition of the sampling: the probability of every token
// after big_vision's nucleus (predict_fns.py) with top-k before it and min-p
// after it.
func plain(logits []float64, s Options) []float64 {
	x := slices.Clone(logits)
	for i := range x {
		x[i] /= float64(s.Temperature)
		if slices.Contains(s.Forbidden, int32(i)) {
			x[i] = math.Inf(-1)
		}
	}
	keep := func(threshold float64) {
		for i := range x {
			if x[i] < threshold {
				x[i] = math.Inf(-1)
			}
		}
	}
	descending := func() []float64 {
		sorted := slices.Sorted(slices.Values(x))
		slices.Reverse(sorted)
		return sorted
	}
	if s.TopK > 0 && s.TopK < len(x) {
		keep(descending()[s.TopK-1])
	}
	if s.TopP > 0 && s.TopP < 1 {
		sum, c := 0.0, 0 // c counts the cumulative probabilities below p
		sorted := descending()
		for _, p := range softmax(sorted) {
			if sum += p; sum < float64(s.TopP) {
				c++
			}
		}
		keep(sorted[c])
	}
	p := softmax(x)
	for i, most := 0, slices.Max(p); i < len(p); i++ {
		if p[i] < float64(s.MinP)*most {
			x[i] = math.Inf(-1)
		}
	}
	return softmax(x)
}

// idsOf gives each logit the id of its place.
func idsOf(logits []float32) []grammar.Range { return grammar.All(len(logits)) }

func softmax(x []float64) []float64 {
	p, sum := make([]float64, len(x)), 0.0
	for i := range x {
		p[i] = math.Exp(x[i] - slices.Max(x))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// TestDrawsFollowTheDefinition draws many times and compares how often each token comes with
// its probability by definition.
func TestDrawsFollowTheDefinition(t *testing.T) {
	const draws = 20000
	logits := []float32{1, 3, 2, 3, -40, 0, 2, 1, 1.5, -1} // two ties at the top, two behind
	for _, s := range []Options{
		{Temperature: 1},
		{Temperature: 0.3},
		{Temperature: 5},
		{Temperature: 1, TopK: 1},              // both of the tie
		{Temperature: 1, TopK: 3},              // 2 ties with the third
		{Temperature: 1, TopK: 5},              //
		{Temperature: 1, TopK: 99},             // all
		{Temperature: 1, TopP: 0.1},            // both of the tie
		{Temperature: 1, TopP: 0.65},           // the tie at the cut stays
		{Temperature: 1, TopP: 0.9},            //
		{Temperature: 3, TopP: 0.5},            // the temperature comes first
		{Temperature: 1, TopP: 1},              // all
		{Temperature: 1, MinP: 0.3},            //
		{Temperature: 1, MinP: 1},              // the tie
		{Temperature: 2, TopK: 6, TopP: 0.8},   //
		{Temperature: 2, TopP: 0.8, MinP: 0.6}, //
		{Temperature: 1, Forbidden: []int32{1, 3}},
		{Temperature: 1, TopK: 2, Forbidden: []int32{3}},
	} {
		wide := make([]float64, len(logits))
		for i, v := range logits {
			wide[i] = float64(v)
		}
		want := plain(wide, s)
		count := make([]int, len(logits))
		for n := range draws {
			s.Seed = uint64(n) / 100 // many seeds, many tokens of each
			_, id, err := New(s).Choose(logits, idsOf(logits), n%100)
			must(t, err)
			count[id]++
		}
		for id, p := range want {
			spread := math.Sqrt(draws * p * (1 - p))
			if off := math.Abs(float64(count[id]) - draws*p); off > 5*spread || p == 0 && count[id] > 0 {
				t.Errorf("%+v: token %d comes %d times in %d, want %.0f", s, id, count[id], draws, draws*p)
			}
		}
	}
}

// TestShortcutKeepsCandidates: no candidate that the cuts leave is left out
// beforehand.
func TestShortcutKeepsCandidates(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, width := range []float64{0.1, 3, 20} { // of the logits
		logits, wide := make([]float32, 300), make([]float64, 300)
		for i := range logits {
			logits[i] = float32(r.NormFloat64() * width)
			wide[i] = float64(logits[i])
		}
		fewer := false
		for _, s := range []Options{
			{Temperature: 1, TopK: 3}, {Temperature: 1, TopK: 290}, {Temperature: 0.1, TopP: 0.9}, {Temperature: 1, TopP: 0.9999999},
			{Temperature: 1, MinP: 0.1}, {Temperature: 1, MinP: 1e-9}, {Temperature: 2, TopK: 200, TopP: 0.99, MinP: 1e-8},
		} {
			var all []candidate
			top := slices.Max(logits)
			for i, v := range logits {
				all = append(all, candidate{i, int32(i), v, math.Exp(float64(v-top) / float64(s.Temperature))})
			}
			left := make([]bool, len(logits))
			some := New(s).likely(slices.Clone(all), mass(all))
			fewer = fewer || len(some) < len(all)
			for _, c := range some {
				left[c.i] = true
			}
			for id, p := range plain(wide, s) {
				if p > 0 && !left[id] {
					t.Errorf("width %v, %+v: token %d of probability %v is left out", width, s, id, p)
				}
			}
		}
		if fewer != (width > 1) {
			t.Errorf("width %v: candidates are left out: %t", width, fewer)
		}
	}
}

// TestGreedyTakesTheFirstOfEquals takes the first of the largest logits that are allowed, whatever
// the cuts say.
func TestGreedyTakesTheFirstOfEquals(t *testing.T) {
	logits := []float32{0, 5, 2, 5}
	for _, test := range []struct {
		s    Options
		want int32
	}{
		{Options{}, 1},
		{Options{TopK: 1, TopP: 0.1, Seed: 7}, 1},
		{Options{Forbidden: []int32{1}}, 3},
		{Options{Forbidden: []int32{3, 1}}, 2},
	} {
		if _, got, err := New(test.s).Choose(logits, idsOf(logits), 0); err != nil || got != test.want {
			t.Errorf("%+v takes %d, %v, want %d", test.s, got, err, test.want)
		}
	}
}

// TestLogProbIgnoresTemperature wants the log-softmax of the logits as they are: temperature,
// cuts and forbidden ids change nothing.
func TestLogProbIgnoresTemperature(t *testing.T) {
	logits := []float32{1, 3, 2, -1000, 300, 299} // exp overflows
	all := softmax([]float64{1, 3, 2, -1000, 300, 299})
	for _, s := range []Options{{}, {Forbidden: []int32{4}}, {Temperature: 9, TopK: 2}} {
		i, id, err := New(s).Choose(logits, idsOf(logits), 0)
		got := logits[i] - LogSumExp(logits)
		must(t, err)
		if want := math.Log(all[id]); math.Abs(float64(got)-want) > 1e-4 {
			t.Errorf("%+v: log-probability of %d is %v, want %v", s, id, got, want)
		}
	}
}

// TestRefuses wants an error that names the value.
func TestRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for want, o := range map[string]Options{
		"temperature is -1":   {Temperature: -1},
		"temperature is NaN":  {Temperature: nan},
		"temperature is +Inf": {Temperature: float32(math.Inf(1))},
		"top-k is -1":         {TopK: -1},
		"top-p is 2":          {TopP: 2},
		"top-p is NaN":        {TopP: nan},
		"min-p is -0.5":       {MinP: -0.5},
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", o, err, want)
		}
	}
	for want, logits := range map[string][]float32{
		"logit of token 1 is NaN":                     {0, nan},
		"logit of token 0 is +Inf":                    {float32(math.Inf(1)), 0},
		"every token that may come next is forbidden": {0},
	} {
		if _, _, err := New(Options{Forbidden: []int32{0}}).Choose(logits, idsOf(logits), 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("logits %v: error %v, want one with %q", logits, err, want)
		}
	}
}

// TestEnoughLogits: the greatest logits that decide a choice, one more for each
// that is forbidden.
func TestEnoughLogits(t *testing.T) {
	for _, c := range []struct {
		o  Options
		n  int
		ok bool
	}{
		{Options{}, 1, true},
		{Options{TopK: 9, Forbidden: []int32{4, 5}}, 3, true},
		{Options{Temperature: 1, TopK: 9}, 9, true},
		{Options{Temperature: 1, TopK: 9, TopP: 0.5, Forbidden: []int32{4}}, 10, true},
		{Options{Temperature: 1, TopP: 0.5}, 0, false},
	} {
		if n, ok := New(c.o).Enough(); n != c.n || ok != c.ok {
			t.Errorf("%+v: %d greatest logits decide: %t, want %d: %t", c.o, n, ok, c.n, c.ok)
		}
	}
}
