package paligemma

import (
	"image"
	"math"
	"testing"
)

// TestMeanDistance has distributions whose means are known.
func TestMeanDistance(t *testing.T) {
	of := Range{100, 110}
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
	all := []Range{{0, 200}}
	for _, c := range []struct {
		name   string
		logits []float32
		among  []Range
		id     int32
		want   float64
	}{
		{"sure", peak, all, 104, 0},
		{"sure of another", peak, all, 106, 2},
		{"flat, from the end", flat, all, 100, 4.5},
		{"flat, from the middle", flat, all, 105, 2.5},
		{"two peaks", two, all, 109, 2},
		{"huge logits", []float32{1e30, 1e30}, []Range{{100, 102}}, 100, 0.5},
		{"some allowed", flat[:6], []Range{{3, 5}, {106, 110}}, 106, 1.5},
		{"in parts", []float32{9, 9, 0, 0, 9, 9}, []Range{{98, 101}, {108, 109}, {120, 122}}, 100, 4},
	} {
		if got := meanDistance(c.logits, c.among, of, c.id); math.Abs(float64(got)-c.want) > 1e-6 {
			t.Errorf("%s: mean distance is %v, want %v", c.name, got, c.want)
		}
	}
}

func TestScore(t *testing.T) {
	corners := func(spread ...float32) []Token {
		var list []Token
		for _, s := range spread {
			list = append(list, Token{Spread: s})
		}
		return list
	}
	loc := [4]int{100, 200, 300, 600} // 200 high, 400 wide
	for _, c := range []struct {
		name    string
		corners []Token
		want    float64
	}{
		{"sure", corners(0, 0, 0, 0), 1},
		{"y0", corners(2, 0, 0, 0), math.Exp(-0.01)},
		{"x0", corners(0, 2, 0, 0), math.Exp(-0.005)},
		{"y1", corners(0, 0, 2, 0), math.Exp(-0.01)},
		{"x1", corners(0, 0, 0, 2), math.Exp(-0.005)},
		{"all", corners(20, 20, 20, 20), math.Exp(-0.3)},
		{"lost", corners(341, 341, 341, 341), math.Exp(-5.115)},
		{"text", corners(0, 0, 0), 0},
		{"nothing", nil, 0},
	} {
		if got := score(c.corners, loc); math.Abs(float64(got)-c.want) > 1e-6 {
			t.Errorf("%s: score is %v, want %v", c.name, got, c.want)
		}
	}
	for i := range 100 { // an edge that is off by d of a side: the formula is the overlap's, to first order
		d := float64(i) / 1000
		overlap := 1 - d
		if got := float64(score(corners(float32(200*d), 0, 0, 0), loc)); math.Abs(got-overlap) > d*d {
			t.Errorf("an edge off by %v gives score %v, overlap %v", d, got, overlap)
		}
	}
}

// TestSpread compares each token of an answer with the distribution that the
// same model gives to the text before it.
func TestSpread(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	ids, err := m.locseg()
	must(t, err)
	prompt := Detect("cat")
	r, err := m.Run(t.Context(), nil, prompt, &Sampling{Grammar: Boxes("cat"), MaxTokens: 24, Temperature: 1, Seed: 3})
	must(t, err)
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), nil, prompt))
	locs, low := 0, [2]int{} // of the object at hand
	for _, x := range r.Tokens {
		at, isLoc := ids.LocOf(x.ID)
		if !isLoc {
			if x.Spread != 0 {
				t.Errorf("token %q has spread %v, want 0", x.Text, x.Spread)
			}
			must(t, s.Append(t.Context(), x.ID))
			continue
		}
		logits, err := s.Logits(t.Context())
		must(t, err)
		first, last := 0, 1024 // that the grammar allows
		if locs%4 < 2 {
			last = 1023
			low[locs%4] = at
		} else {
			first = low[locs%4-2] + 1
		}
		mass, sum := 0.0, 0.0
		for i := first; i < last; i++ {
			p := math.Exp(float64(logits[int(ids.Loc)+i]))
			mass, sum = mass+p, sum+p*math.Abs(float64(i-at))
		}
		if want := sum / mass; math.Abs(float64(x.Spread)-want) > 1e-3*(1+want) {
			t.Errorf("token %q has spread %v, want %v", x.Text, x.Spread, want)
		}
		locs++
		must(t, s.Append(t.Context(), x.ID))
	}
	if locs < 8 {
		t.Errorf("%d loc tokens: too few to tell", locs)
	}
	for _, o := range r.Objects {
		if !(o.Score > 0 && o.Score < 1) || o.Pixels != (image.Rectangle{}) {
			t.Errorf("object %+v", o)
		}
	}
}
