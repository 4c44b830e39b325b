package eval

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
)

// TestFileEqualsItself: two openings of a file do not differ at all.
func TestFileEqualsItself(t *testing.T) {
	a, b := open(t, "q4_0"), open(t, "q4_0")
	prompt, _ := reference(t, a)
	set, err := Open(t.Context(), folder(t, line(t, prompt, "x", ""), line(t, "detect cat", loc+" cat", "")), 0)
	must(t, err)
	for _, expected := range []bool{false, true} {
		c, err := Compare(t.Context(), a, b, set, &CompareOptions{MaxTokens: 24, Expected: expected})
		must(t, err)
		if c.Examples != 2 || c.Compared != 2 || c.Partial || c.Same != 1 || c.BoxesA != c.BoxesB || c.BoxesA > 0 && c.BoxIoU != 1 || c.F1 != 1 {
			t.Errorf("expected %v: %+v, want 2 examples compared, and no difference", expected, c)
		}
		for _, d := range []Divergence{c.All, c.Words, c.Loc, c.Seg} {
			if d.Mean != 0 || d.Median != 0 || d.P99 != 0 || d.Max != 0 || d.Places > 0 && d.Agreement != 1 {
				t.Errorf("expected %v: %+v", expected, d)
			}
		}
		if c.All.Places == 0 || c.Loc.Places == 0 || c.Words.Places+c.Loc.Places+c.Seg.Places != c.All.Places {
			t.Errorf("expected %v: places %+v", expected, c)
		}
	}
}

// TestCompareFollowsTheFormula compares the figures with the formula of the
// divergence, on logits that the test reads by itself.
func TestCompareFollowsTheFormula(t *testing.T) {
	a, b := open(t, "f32"), open(t, "q4_0")
	prompt, _ := reference(t, a)
	path := folder(t, line(t, prompt, "a cow stands", ""), line(t, "detect cat", loc+" cat", ""))
	set, err := Open(t.Context(), path, 0)
	must(t, err)
	const most = 20
	for _, expected := range []bool{false, true} {
		var all, locs []float64
		agreed, same := 0, 0
		for e, err := range set.Examples(t.Context()) {
			must(t, err)
			ids, ended := greedy(t, a, set, e, most), false
			if expected {
				ids, ended = a.Tokenize(e.Expected[0]), true
			} else {
				ended = len(ids) < most
			}
			if ended {
				ids = append(ids, a.EOS())
			}
			answer := 0
			pa, pb := distributions(t, a, set, e, ids), distributions(t, b, set, e, ids)
			for i, id := range ids {
				kl := 0.0
				for j, p := range pa[i] {
					kl += p * math.Log(p/pb[i][j])
				}
				all = append(all, kl)
				if strings.HasPrefix(a.Piece(id), "<loc") {
					locs = append(locs, kl)
				}
				if top(pa[i]) == top(pb[i]) {
					answer++
				}
			}
			agreed += answer
			if answer == len(ids) {
				same++
			}
		}
		c, err := Compare(t.Context(), a, b, set, &CompareOptions{MaxTokens: most, Expected: expected})
		must(t, err)
		slices.Sort(all)
		for _, f := range []struct {
			name      string
			got, want float64
		}{
			{"places", float64(c.All.Places), float64(len(all))}, {"loc places", float64(c.Loc.Places), float64(len(locs))},
			{"mean", c.All.Mean, mean(all)}, {"loc mean", c.Loc.Mean, mean(locs)}, {"max", c.All.Max, all[len(all)-1]},
			{"median", c.All.Median, (all[(len(all)-1)/2] + all[len(all)/2]) / 2},
			{"agreement", c.All.Agreement, float64(agreed) / float64(len(all))}, {"same", c.Same, float64(same) / 2},
		} {
			// The models read some tokens at a time, and the formula others: with ggml's
			// operations the last digits of logits depend on that.
			bound := 1e-9
			if k := a.Config().Kernels; k == "" {
				bound = 1e-5
			}
			if !(math.Abs(f.got-f.want) <= bound) {
				t.Errorf("expected %v: %s is %v, want %v", expected, f.name, f.got, f.want)
			}
		}
		if c.All.Mean == 0 || c.All.P99 > c.All.Max || c.All.P99 < c.All.Median {
			t.Errorf("expected %v: %+v", expected, c.All)
		}
	}
}

// greedy returns the ids of a model's likeliest answer.
func greedy(t *testing.T, m *paligemma.Model, set *DataSet, e *Example, most int) (ids []int32) {
	t.Helper()
	s, images := session(t, m, set, e)
	defer s.Close()
	r, err := s.Run(t.Context(), images, e.Prompt, &paligemma.Sampling{MaxTokens: most, AnyText: true})
	must(t, err)
	for _, x := range r.Tokens {
		ids = append(ids, x.ID)
	}
	return ids
}

// distributions returns the model's distribution before each id, a plain softmax in
// float64.
func distributions(t *testing.T, m *paligemma.Model, set *DataSet, e *Example, ids []int32) (all [][]float64) {
	t.Helper()
	for i := range ids {
		s, images := session(t, m, set, e)
		must(t, s.Prefill(t.Context(), images, e.Prompt))
		must(t, s.Append(t.Context(), ids[:i]...))
		logits, err := s.Logits(t.Context())
		must(t, err)
		p, sum := make([]float64, len(logits)), 0.0
		for j, v := range logits {
			p[j] = math.Exp(float64(v))
			sum += p[j]
		}
		for j := range p {
			p[j] /= sum
		}
		all = append(all, p)
		must(t, s.Close())
	}
	return all
}

func session(t *testing.T, m *paligemma.Model, set *DataSet, e *Example) (*paligemma.Session, []*paligemma.Image) {
	t.Helper()
	v := viewer{model: m, set: set}
	img, err := v.encode(t.Context(), e)
	must(t, err)
	s, err := m.NewSession()
	must(t, err)
	return s, []*paligemma.Image{img}
}

func top(p []float64) int { return slices.Index(p, slices.Max(p)) }

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(1, len(v)))
}

// TestBoxesOfAAreTheTruth: IoUs are averaged over A's boxes, and F1 counts both.
func TestBoxesOfAAreTheTruth(t *testing.T) {
	var c comparer
	cat, dog := object("cat", 0, 0, 0, 1, 1), object("dog", 0, 0, 0, 1, 1)
	c.pair([]paligemma.Object{cat, dog, dog}, []paligemma.Object{cat})
	c.pair(nil, []paligemma.Object{object("cow", 0, 0, 0, 1, 1)})
	if r := c.report(); r.BoxesA != 3 || r.BoxesB != 2 || math.Abs(r.BoxIoU-1.0/3) > 1e-9 || math.Abs(r.F1-0.4) > 1e-9 {
		t.Errorf("%+v, want 3 boxes of A, 2 of B, a mean IoU of 1/3 and an F1 of 0.4", r)
	}
}

// TestFullContextEndsAnAnswer: an answer that fills the context is no failure.
func TestFullContextEndsAnAnswer(t *testing.T) {
	a := open(t, "f32")
	set, err := Open(t.Context(), folder(t, line(t, "ocr", "x", "")), 0)
	must(t, err)
	c, err := Compare(t.Context(), a, a, set, &CompareOptions{MaxTokens: 1 << 20})
	must(t, err)
	if c.Compared != 1 || c.All.Places < 100 || c.All.Max != 0 {
		t.Errorf("%+v, want an answer of 100 places or more, and no difference", c)
	}
}

func TestCompareRefusesOtherTokens(t *testing.T) {
	a := open(t, "f32")
	set, err := Open(t.Context(), folder(t, line(t, "ocr", "x", ""), strings.Replace(line(t, "ocr", "x", ""), "picture", "none", 1)), 0)
	must(t, err)

	c, err := Compare(t.Context(), a, a, set, &CompareOptions{MaxTokens: 2})
	if err == nil || !strings.Contains(err.Error(), "data.jsonl:2: picture none.png: ") || !c.Partial || c.Compared != 1 {
		t.Errorf("%+v, error %v", c, err)
	}
	failures := 0
	c, err = Compare(t.Context(), a, a, set, &CompareOptions{MaxTokens: 2, Failed: func(error) { failures++ }})
	if must(t, err); c.Partial || c.Failed != 1 || failures != 1 {
		t.Errorf("%+v, %d failures", c, failures)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := Compare(ended, a, a, set, nil); !errors.Is(err, context.Canceled) || !c.Partial || c.Compared != 0 {
		t.Errorf("%+v, error %v", c, err)
	}

	e := engine(t)
	for _, c := range []struct {
		change func([]string) []string
		want   string
	}{
		{func(p []string) []string { p[700] = "zebra"; return p }, `token 700 is `},
		{func(p []string) []string { return p }, "none.png"}, // the same after all
	} {
		other, err := paligemma.New(withPieces(t, c.change), &paligemma.Options{Engine: e, Threads: 1})
		must(t, err)
		if _, err := Compare(t.Context(), a, other, set, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		must(t, other.Close())
	}
}
