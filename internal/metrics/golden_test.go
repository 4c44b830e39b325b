package metrics

import (
	"encoding/json"
	"image"
	"math"
	"os"
	"slices"
	"testing"
)

// A golden holds the results of scripts/metrics/golden.py.
type golden struct {
	Normal []struct{ Text, Normal string }
	VQA    []struct {
		Answer string
		People []string
		Score  float64
	}
	ANLS, CIDEr []struct {
		Answer   string
		Expected []string
		Score    float64
	}
	Match []struct {
		Found, Truth []Thing
		IoUs         []float64
		Partner      []int
	}
	Masks []struct {
		Whole, Part [][]uint8
		At          [2]int
		IoU         float64
	}
	Ranking []struct {
		Scores           []float64
		Right            []bool
		Truth            int
		Upper, Lower, AP float64
	}
	Divergence []struct {
		A, B []float32
		KL   float64
		Top  [2]int
	}
	Quantiles []struct {
		Values, Shares, Want []float64
		Mean                 float64
	}
}

func load(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("../../testdata/metrics/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{"normal": len(g.Normal), "vqa": len(g.VQA), "anls": len(g.ANLS), "cider": len(g.CIDEr), "match": len(g.Match),
		"masks": len(g.Masks), "ranking": len(g.Ranking), "divergence": len(g.Divergence), "quantiles": len(g.Quantiles)} {
		if n < 5 {
			t.Fatalf("golden has %d cases of %s", n, name)
		}
	}
	return g
}

// near fails unless got and want differ by rounding only: sums have another order.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*max(1, math.Abs(want))) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestVQANormalEqualsChallenge(t *testing.T) {
	for _, c := range load(t).Normal {
		if got := VQANormal(c.Text); got != c.Normal {
			t.Errorf("%q: %q, want %q", c.Text, got, c.Normal)
		}
	}
}

func TestVQAEqualsChallenge(t *testing.T) {
	for _, c := range load(t).VQA {
		near(t, c.Answer, VQA(c.Answer, c.People), c.Score)
	}
	for _, c := range []struct { // fewer people than the challenge's rule needs
		answer string
		people []string
		want   float64
	}{{"Two", []string{"2"}, 1}, {"3", []string{"2"}, 0}, {"dog", []string{"cat", "a dog", "cow"}, 1}, {"x", nil, 0}} {
		near(t, c.answer, VQA(c.answer, c.people), c.want)
	}
}

func TestANLSEqualsReference(t *testing.T) {
	for _, c := range load(t).ANLS {
		near(t, c.Answer, ANLS(c.Answer, c.Expected), c.Score)
	}
	near(t, "nothing expected", ANLS("x", nil), 0)
}

func TestExactIsToTheLetter(t *testing.T) {
	if !Exact("a", []string{"b", "a"}) || Exact("A", []string{"a"}) || Exact("", nil) {
		t.Error("an answer is exact if it is one of those expected, to the letter")
	}
}

func TestCIDErDEqualsReference(t *testing.T) {
	cases := load(t).CIDEr
	var corpus Corpus
	for _, c := range cases {
		corpus.Add(c.Expected)
	}
	for _, c := range cases {
		near(t, c.Answer, corpus.CIDErD(c.Answer, c.Expected), c.Score)
	}
	near(t, "nothing expected", corpus.CIDErD("x", nil), 0)
	near(t, "empty corpus", new(Corpus).CIDErD("x", []string{"x"}), 0)
}

func TestMatchEqualsReference(t *testing.T) {
	for i, c := range load(t).Match {
		ious, partner := Match(c.Found, c.Truth)
		if !slices.Equal(partner, c.Partner) {
			t.Errorf("case %d: partners %v, want %v", i, partner, c.Partner)
		}
		for j := range c.IoUs {
			near(t, "IoU", ious[j], c.IoUs[j])
		}
	}
}

// TestBoxWithoutAreaSharesNothing: reversed corners and lines share no area, not
// even with themselves.
func TestBoxWithoutAreaSharesNothing(t *testing.T) {
	for _, b := range []Box{{}, {0, 0, 0, 1}, {1, 1, 0, 0}, {0, 1, 1, 0}} {
		if got := b.IoU(Box{0, 0, 1, 1}); b.Area() != 0 || got != 0 || b.IoU(b) != 0 {
			t.Errorf("%v: area %v, IoU %v", b, b.Area(), got)
		}
	}
}

func TestF1WithoutThings(t *testing.T) {
	near(t, "some", F1(3, 4, 6), 0.6)
	near(t, "none there, none found", F1(0, 0, 0), 1)
	near(t, "none there, one found", F1(0, 1, 0), 0)
}

func TestMaskIoUOutsideBounds(t *testing.T) {
	alpha := func(rows [][]uint8, x, y int) *image.Alpha {
		m := image.NewAlpha(image.Rect(x, y, x+len(rows[0]), y+len(rows)))
		for i, row := range rows {
			copy(m.Pix[i*m.Stride:], row)
		}
		return m
	}
	for _, c := range load(t).Masks {
		whole, part := alpha(c.Whole, 0, 0), alpha(c.Part, c.At[0], c.At[1])
		near(t, "whole and part", MaskIoU(whole, part), c.IoU)
		near(t, "part and whole", MaskIoU(part, whole), c.IoU)
	}
}

func TestRankingEqualsReference(t *testing.T) {
	for _, c := range load(t).Ranking {
		var r Ranking
		for i, s := range c.Scores {
			r.Add(s, c.Right[i])
		}
		upper, lower := r.Halves()
		near(t, "upper half", upper, c.Upper)
		near(t, "lower half", lower, c.Lower)
		near(t, "average precision", r.AveragePrecision(c.Truth), c.AP)
	}
	var none Ranking
	if u, l := none.Halves(); u != 0 || l != 0 || none.AveragePrecision(0) != 0 {
		t.Error("an empty ranking is not 0")
	}
}

func TestDivergenceEqualsScipy(t *testing.T) {
	for _, c := range load(t).Divergence {
		near(t, "KL", KL(c.A, c.B), c.KL)
		if got := KL(c.A, c.A); got != 0 {
			t.Errorf("KL of logits with themselves is %v", got)
		}
		if got := [2]int{Argmax(c.A), Argmax(c.B)}; got != c.Top {
			t.Errorf("tops %v, want %v", got, c.Top)
		}
	}
	// Logits that overflow when they are not scaled.
	near(t, "far apart", KL([]float32{1e4, 0}, []float32{0, 1e4}), 1e4)
}

func TestQuantilesEqualNumpy(t *testing.T) {
	for _, c := range load(t).Quantiles {
		var d Distribution
		for _, v := range c.Values {
			d.Add(v)
		}
		for i, q := range d.Quantiles(c.Shares...) {
			near(t, "quantile", q, c.Want[i])
		}
		near(t, "mean", d.Mean(), c.Mean)
	}
}
