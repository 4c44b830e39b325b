package paligemma

import (
	"image"
	"math"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestShortcutAnswersAlike compares whole answers of the embedded model, boxes too, with
// those found by all logits, which a trace asks for: greedy ones and drawn ones,
// also when the likeliest first token is forbidden.
func TestShortcutAnswersAlike(t *testing.T) {
	var sessions [2]*Session
	var images [2][]*Image
	for i, trace := range []TraceFunc{nil, func(string, []int, []float32) {}} {
		m := openTiny(t, Options{Trace: trace})
		images[i], sessions[i] = encodeAll(t, m, []image.Image{demoPicture(t, m, "scene-08.jpg")}), newSession(t, m)
	}
	var forbidden []int32
	for i, p := range []Prompt{Caption("en"), OCR(), Detect("heart"), Segment("heart"), Caption("en"), Detect("heart"), OCR(), Caption("en"), Segment("star")} {
		sm := &Sampling{MaxTokens: 40, Forbidden: forbidden, AnyText: true}
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

// TestFaultyLogitIsNamed: the error names the token whose logit is not a number.
func TestFaultyLogitIsNamed(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg1-a"), readQuestion(t, "pg1-a")
	p.Change(t, "token_embd.weight", func(r, c int, v float32) float32 {
		if r == 77 && c == 3 {
			return float32(math.NaN())
		}
		return v
	})
	m := openParts(t, p, Options{})
	_, err := newSession(t, m).Run(t.Context(), encodeAll(t, m, q.pictures), q.prompt, nil)
	if err == nil || !strings.Contains(err.Error(), "logit of token 77 is NaN") {
		t.Errorf("error %v, want one that names token 77", err)
	}
}
