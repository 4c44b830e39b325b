package paligemma

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/sample"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/kernels"
)

// logProbOf scores ids by appending them one by one.
func logProbOf(t *testing.T, s *Session, ids ...int32) (sum float64) {
	t.Helper()
	for _, id := range ids {
		logits := logitsOf(t, s)
		sum += float64(logits[id] - sample.LogSumExp(logits))
		must(t, s.Append(t.Context(), id))
	}
	return sum
}

// TestScoreIsTheModelsOwn compares scores of texts of several lengths with those
// of the same tokens one by one. The answer goes on as if nothing had been asked.
func TestScoreIsTheModelsOwn(t *testing.T) {
	for _, kernels := range []string{"auto", "off"} {
		for _, name := range []string{"pg1-a", "pg2-b"} {
			// With rounded activations, scores of other orders of sums differ by more.
			for typ, bound := range map[string]float64{"f32": 1e-5, "q8_0": 5e-3} {
				m := open(t, testmodel.Convert(t, name, convert.Options{Type: typ}), Options{Kernels: kernels, CacheF32: true})
				q := readQuestion(t, name)
				images := encodeAll(t, m, q.pictures)
				s := newSession(t, m)
				texts := []string{"yes", "", "no", m.Detokenize([]int32{int32(q.tokens[0]), int32(q.tokens[1])}), "a street with a cow", "yes", strings.Repeat("king ", 30)}
				must(t, s.Prefill(t.Context(), images, q.prompt))
				collect(t, s, nil, 3) // the last of them is not computed yet
				got, err := s.Score(t.Context(), texts...)
				must(t, err)
				after := collect(t, s, nil, 4)
				for i, text := range texts {
					must(t, s.Prefill(t.Context(), images, q.prompt))
					collect(t, s, nil, 3)
					want := logProbOf(t, s, m.Tokenize(text)...)
					if !(math.Abs(got[i]-want) <= bound*math.Max(1, math.Abs(want))) {
						t.Errorf("%s %s %s: score of %q is %v, want %v", kernels, name, typ, text, got[i], want)
					}
				}
				if !(math.Abs(got[0]-got[5]) <= 1e-5*math.Abs(got[0])) {
					t.Errorf("%q scores %v and then %v", texts[0], got[0], got[5])
				}
				must(t, s.Prefill(t.Context(), images, q.prompt))
				if whole := collect(t, s, nil, 7); !slices.Equal(ids(whole[3:]), ids(after)) {
					t.Errorf("%s %s: after a score the answer goes on %v, want %v", kernels, name, ids(after), ids(whole[3:]))
				}
			}
		}
	}
}

// TestScoreNeedsRoom for its longest text.
func TestScoreNeedsRoom(t *testing.T) {
	s, _, _ := asked(t, "pg1-a", Options{Context: 48}) // ten more than the prompt
	if _, err := s.Score(t.Context(), "yes", strings.Repeat("?", 30)); !errors.Is(err, ErrContextFull) {
		t.Errorf("error %v, want ErrContextFull", err)
	}
	texts := slices.Repeat([]string{"yes", "no"}, 30) // more than fit together
	scores, err := s.Score(t.Context(), texts...)
	must(t, err)
	apart := 0.0
	if len(kernels.Levels()) == 0 { // ggml's sums depend on the place of a row, by a digit of float32
		apart = 1e-6 * math.Abs(scores[0])
	}
	if len(scores) != 60 || scores[0] == scores[1] {
		t.Fatalf("scores %v", scores)
	}
	for i, score := range scores {
		if !(math.Abs(score-scores[i%2]) <= apart) {
			t.Errorf("score %d of the same text is %v, want %v", i, score, scores[i%2])
		}
	}
}

// TestChoose: probabilities are those of the texts with their ends.
func TestChoose(t *testing.T) {
	m := openTiny(t, Options{})
	img := scenes(t, 1)[0]
	answers := []string{"1", "2", "3", "four"}
	got, err := m.Choose(t.Context(), img, "count star", answers...)
	must(t, err)
	images := encodeAll(t, m, scenes(t, 1))
	s := newSession(t, m)
	sum := 0.0
	for i, c := range got {
		must(t, s.Prefill(t.Context(), images, "count star"))
		want := logProbOf(t, s, append(m.Tokenize(answers[i]), m.EOS())...)
		if c.Text != answers[i] || !(math.Abs(c.LogProb-want) < 1e-3*math.Max(1, math.Abs(want))) {
			t.Errorf("%+v, want log-probability %v of %q", c, want, answers[i])
		}
		sum += c.Probability
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("probabilities add up to %v", sum)
	}
	for _, bad := range [][]string{nil, {""}, {"a", "a"}} {
		if _, err := s.Choose(t.Context(), bad...); !errors.Is(err, ErrPrompt) {
			t.Errorf("choosing among %q: %v, want an ErrPrompt", bad, err)
		}
	}
}

// TestContinuationsAreText: Score and Choose refuse what no answer can be, as a prompt
// with it is refused.
func TestContinuationsAreText(t *testing.T) {
	m := openTiny(t, Options{})
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), nil, "ocr"))
	for _, text := range []string{"a\xff", "a\x00b", "a<eos>", "<bos>", "<image>a"} {
		if _, err := s.Score(t.Context(), "fine", text); !errors.Is(err, ErrPrompt) {
			t.Errorf("Score of %q: %v, want an ErrPrompt", text, err)
		}
		if _, err := s.Choose(t.Context(), "fine", text); !errors.Is(err, ErrPrompt) {
			t.Errorf("Choose of %q: %v, want an ErrPrompt", text, err)
		}
	}
}

// TestContinuationsThatFit: a text that is longer than the context's room is a wrong request,
// and the error has its number, as those beside it can be scored.
func TestContinuationsThatFit(t *testing.T) {
	m := openTiny(t, Options{})
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), nil, "ocr"))
	long := strings.Repeat("a ", m.Config().Session)
	_, scored := s.Score(t.Context(), "fine", long, "b")
	_, chosen := s.Choose(t.Context(), "fine", long, "b")
	for _, err := range []error{scored, chosen} {
		if !errors.Is(err, ErrPrompt) || !errors.Is(err, ErrContextFull) || !strings.Contains(err.Error(), ": text 2 of ") {
			t.Errorf("%v, want an ErrPrompt about text 2", err)
		}
	}
	_, err := s.Score(t.Context(), "fine", "b")
	must(t, err)
}
