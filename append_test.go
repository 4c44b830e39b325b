package paligemma

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestAppend reads the reference's answer: after each token the logits are the
// reference's own, which are given before their softcap.
func TestAppend(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg2-a"} {
		s, q, _ := asked(t, name, Options{})
		set := testmodel.Golden(t, name, "golden.safetensors")
		compared := 0
		for i, id := range q.tokens {
			got, err := s.Logits(t.Context())
			must(t, err)
			tap := "logits"
			if i > 0 {
				tap = fmt.Sprintf("step_logits.%d", i)
			}
			if slices.Contains(set.Names(), tap) {
				_, raw := set.Get(tap)
				want := slices.Clone(raw)
				if limit := float64(s.model.cfg.text.FinalSoftcap); limit != 0 {
					for i, v := range want {
						want[i] = float32(limit * math.Tanh(float64(v)/limit))
					}
				}
				if d := testmodel.Farthest(got, want); !(d <= exactLogits) {
					t.Errorf("%s: %s is %g off", name, tap, d)
				}
				compared++
			}
			must(t, s.Append(t.Context(), int32(id)))
		}
		if compared < 3 {
			t.Errorf("%s: only %d logits compared", name, compared)
		}
	}
}

// TestAppendAndTokens: an answer may be chosen, appended and looked at in any
// order.
func TestAppendAndTokens(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{})
	want := q.tokens[:12]
	same := func(got []Token, first int) {
		t.Helper()
		for i, x := range got {
			if int64(x.ID) != want[first+i] {
				t.Errorf("token %d is %d, want %d", first+i, x.ID, want[first+i])
			}
		}
	}
	same(collect(t, s, nil, 3), 0)
	logits, err := s.Logits(t.Context()) // of what comes after the third
	must(t, err)
	all := make([]float64, len(logits))
	for i, v := range logits {
		all[i] = float64(v)
	}
	p := math.Log(softmax(all)[want[3]])
	next := collect(t, s, nil, 1)
	same(next, 3)
	if d := math.Abs(float64(next[0].LogProb) - p); d > 1e-4 {
		t.Errorf("log-probability of the next token is %v, its logits say %v", next[0].LogProb, p)
	}
	must(t, s.Append(t.Context(), int32(want[4]), int32(want[5])))
	same(collect(t, s, nil, 6), 6)

	// Starting over forgets what was appended.
	must(t, s.Prefill(t.Context(), images, q.prompt))
	must(t, s.Append(t.Context()))
	same(collect(t, s, nil, 3), 0)
}

func TestAppendRefuses(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{Context: 40}) // two more than the prompt
	for _, id := range []int32{-1, 1713, math.MaxInt32} {
		want := fmt.Sprintf("token 1 is %d, want 0 to 1712", id)
		if err := s.Append(t.Context(), 5, id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("appending %d: %v, want an error with %q", id, err, want)
		}
	}
	if err := s.Append(t.Context(), 5, 5, 5); !errors.Is(err, ErrContextFull) || !strings.Contains(err.Error(), "token 2") {
		t.Errorf("a third token in a context of two more: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, s.Prefill(t.Context(), images, q.prompt))
	if err := s.Append(ended, 5); !errors.Is(err, context.Canceled) {
		t.Errorf("appending after the end of its context: %v", err)
	}

	fresh := newSession(t, s.model)
	if _, err := fresh.Logits(t.Context()); err == nil || !strings.Contains(err.Error(), "no Prefill") {
		t.Errorf("logits without a prompt: %v", err)
	}
	if err := fresh.Append(t.Context(), 5); err == nil || !strings.Contains(err.Error(), "no Prefill") {
		t.Errorf("appending without a prompt: %v", err)
	}
	must(t, fresh.Close())
	if err := fresh.Append(t.Context(), 5); !errors.Is(err, ErrClosed) {
		t.Errorf("appending to a closed session: %v", err)
	}
	if _, err := fresh.Logits(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("logits of a closed session: %v", err)
	}
}
