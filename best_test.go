package paligemma

import (
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/kernels"
	"github.com/pgcli/paligemma/models"
)

// likeliestOf is likeliest by all logits.
func likeliestOf(t *testing.T, s *Session) (id int32, logProb float32) {
	t.Helper()
	id, logProb, err := newSampler(Sampling{}).next(logitsOf(t, s), s.model.everything(), 0)
	must(t, err)
	return id, logProb
}

// TestLikeliest compares the likeliest token with what all logits say, for
// every type of head that kernels read, with a softcap and without.
func TestLikeliest(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg2-b"} {
		for _, typ := range []string{"f32", "f16", "bf16", "q8_0", "q4_0"} {
			m := open(t, convertOracle(t, name, convert.Options{Type: "f32", EmbeddingType: typ}), Options{})
			q := readQuestion(t, name)
			s := newSession(t, m)
			must(t, s.Prefill(t.Context(), encodeAll(t, m, q.pictures), q.prompt))
			for range 8 {
				want, wantProb := likeliestOf(t, s)
				got, ok, err := s.fromBest(t.Context(), newSampler(Sampling{}))
				must(t, err)
				switch can := s.backend.Kernels() && kernels.RowsSupported(m.decoder.Embedding.Type(), m.cfg.text.Width); {
				case ok != can:
					t.Fatalf("%s, %s: likeliest is found: %t, want %t", name, typ, ok, can)
				case !can:
					continue
				case got.ID != want || !(math.Abs(float64(got.LogProb-wantProb)) < 1e-5):
					t.Fatalf("%s, %s: token %d at %v, want %d at %v", name, typ, got.ID, got.LogProb, want, wantProb)
				}
				must(t, s.extend(t.Context(), want))
			}
		}
	}
}

// TestFromBest compares whole answers of the embedded model, boxes too, with
// those found by all logits, which a trace asks for: greedy ones and drawn ones,
// also when the likeliest first token is forbidden.
func TestFromBest(t *testing.T) {
	var sessions [2]*Session
	var images [2][]*Image
	for i, trace := range []TraceFunc{nil, func(string, []int, []float32) {}} {
		m, err := New(models.Tiny(), &Options{Engine: anyEngine(t), Threads: 1, Trace: trace})
		must(t, err)
		t.Cleanup(func() { must(t, m.Close()) })
		images[i], sessions[i] = encodeAll(t, m, []image.Image{demoPicture(t, m, "scene-08.jpg")}), newSession(t, m)
	}
	var forbidden []int32
	for i, p := range []Prompt{Caption("en"), OCR(), Detect("heart"), Segment("heart"), Caption("en"), Detect("heart"), OCR(), Caption("en"), Segment("star")} {
		sm := &Sampling{MaxTokens: 40, Forbidden: forbidden}
		if i > 3 {
			sm.Temperature, sm.TopK, sm.TopP, sm.Seed = 2, 2+i%3, 0.95, uint64(i)
			sm.Forbidden = forbidden[:i%3]
		}
		got, err := sessions[0].Run(t.Context(), images[0], p, sm)
		must(t, err)
		want, err := sessions[1].Run(t.Context(), images[1], p, sm)
		must(t, err)
		if i < 4 {
			forbidden = append(forbidden, want.Tokens[0].ID)
		}
		if got.Text != want.Text || len(got.Tokens) != len(want.Tokens) {
			t.Fatalf("%s: %q, want %q", p, got.Text, want.Text)
		}
		for i, w := range want.Tokens {
			g := got.Tokens[i]
			if g.ID != w.ID || !(math.Abs(float64(g.LogProb-w.LogProb)) < 1e-5) || g.Spread != w.Spread {
				t.Errorf("%s: token %d is %+v, want %+v", p, i, g, w)
			}
		}
	}
}

// TestFromBestPicks wants that it is by the likeliest runs that tokens are drawn,
// where kernels read the head.
func TestFromBestPicks(t *testing.T) {
	m, err := New(models.Tiny(), &Options{Engine: anyEngine(t), Threads: 1})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), encodeAll(t, m, []image.Image{demoPicture(t, m, "scene-08.jpg")}), Caption("en")))
	for _, c := range []struct {
		s    Sampling
		want bool
	}{
		{Sampling{Temperature: 1, TopK: 3}, true},
		{Sampling{Temperature: 1, TopK: 3, Forbidden: []int32{1, 2}}, true},
		{Sampling{Temperature: 1}, false},
		{Sampling{Temperature: 1, TopK: m.cfg.Vocabulary}, false},
	} {
		if _, ok, err := s.fromBest(t.Context(), newSampler(c.s)); err != nil || ok != (c.want && s.backend.Kernels()) {
			t.Errorf("%+v: chosen by runs: %t, %v, want %t", c.s, ok, err, c.want)
		}
	}
}

// TestGreatestRuns has ties, within what is taken and at its edge.
func TestGreatestRuns(t *testing.T) {
	for _, c := range []struct {
		tops []float32
		n    int
		want []int32
	}{
		{[]float32{5}, 1, []int32{0}},
		{[]float32{1, 5, 3, 4, 2}, 1, []int32{1}},
		{[]float32{1, 5, 3, 4, 2}, 3, []int32{1, 2, 3}},
		{[]float32{5, 4, 3, 2, 1}, 2, []int32{0, 1}},
		{[]float32{1, 2, 3, 4, 5}, 2, []int32{3, 4}},
		{[]float32{4, 4, 1, 4}, 3, []int32{0, 1, 3}},
		{[]float32{4, 4, 1, 4}, 2, nil},
		{[]float32{3, 5, 3}, 2, nil},
		{[]float32{3, 3, 5}, 2, nil},
		{[]float32{3, 3, 5, 6}, 2, []int32{2, 3}},
	} {
		var runs []float32
		for _, top := range c.tops {
			runs = append(runs, top, 0, 1)
		}
		if got := greatestRuns(runs, c.n); !slices.Equal(got, c.want) {
			t.Errorf("greatestRuns(%v, %d) = %v, want %v", c.tops, c.n, got, c.want)
		}
	}
}

// TestLikeliestFault names the token whose logit is no number.
func TestLikeliestFault(t *testing.T) {
	p, q := oracleParts(t, "pg1-a"), readQuestion(t, "pg1-a")
	p.change(t, "token_embd.weight", func(r, c int, v float32) float32 {
		if r == 77 && c == 3 {
			return float32(math.NaN())
		}
		return v
	})
	m := p.model(t, Options{})
	_, err := newSession(t, m).Run(t.Context(), encodeAll(t, m, q.pictures), q.prompt, nil)
	if err == nil || !strings.Contains(err.Error(), "logit of token 77 is NaN") {
		t.Errorf("error %v, want one that names token 77", err)
	}
}

// TestGreatest joins runs.
func TestGreatest(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		runs    []float32
		id      int32
		logProb float64
	}{
		{[]float32{2, 5, 1}, 5, 0},
		{[]float32{2, 5, 1, 2, 0, 1}, 5, -math.Log(2)}, // the first of equals
		{[]float32{1, 5, 2, 3, 7, 1.5}, 64 + 7, -math.Log(1.5 + 2/math.E/math.E)},
		{[]float32{3, 7, 1.5, 1, 5, 2}, 7, -math.Log(1.5 + 2/math.E/math.E)},
		{[]float32{-200, 1, 1, 200, 2, 1}, 64 + 2, 0},
		{[]float32{200, 1, 1, nan, 2, 1}, 0, math.NaN()},
		{[]float32{nan, 1, 1, 200, 2, 1}, 0, math.NaN()},
	} {
		o := greatest(c.runs)
		id := o.id
		if got := float64(o.top - o.logSumExp); id != c.id || !(math.Abs(got-c.logProb) < 1e-6 || math.IsNaN(got) && math.IsNaN(c.logProb)) {
			t.Errorf("greatest(%v) = %d, %v, want %d, %v", c.runs, id, got, c.id, c.logProb)
		}
	}
}
