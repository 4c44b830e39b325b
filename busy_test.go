package paligemma

import (
	"context"
	"errors"
	"image"
	"image/color"
	"sync"
	"sync/atomic"
	"testing"
)

// TestBusySession has goroutines share a session: each call runs alone, or answers
// ErrBusy; afterwards the session is whole.
func TestBusySession(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{})
	var busy, fine atomic.Int32
	note := func(err error) {
		switch {
		case errors.Is(err, ErrBusy):
			busy.Add(1)
		case err == nil:
			fine.Add(1)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				note(s.Prefill(t.Context(), images, q.prompt))
				for _, err := range s.Tokens(t.Context(), &Sampling{MaxTokens: 3}) {
					note(err)
				}
				note(s.Append(t.Context(), 5))
				_, err := s.Score(t.Context(), "yes")
				note(err)
				_, err = s.Run(t.Context(), images, q.prompt, &Sampling{MaxTokens: 2})
				note(err)
				_, _ = s.Timings(), s.Stopped() // for the race detector
			}
		})
	}
	all.Wait()
	if busy.Load() == 0 || fine.Load() == 0 {
		t.Errorf("%d calls were refused, %d were not: want both", busy.Load(), fine.Load())
	}
	if got := answer(t, s, images, q.prompt, &Sampling{MaxTokens: 4}); int64(got[3]) != q.tokens[3] {
		t.Errorf("afterwards the answer is %v, want %v", got, q.tokens[:4])
	}
}

// TestResultIsNeverNil whatever fails, and says how it stopped.
func TestResultIsNeverNil(t *testing.T) {
	m, q := openOracle(t, "pg1-a", Options{}), readQuestion(t, "pg1-a")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		s    *Sampling
		want Stop
	}{
		"ended":   {ended, nil, StopCancelled},
		"refused": {t.Context(), &Sampling{TopK: -1}, StopFailed},
	} {
		r, err := m.Run(test.ctx, q.pictures[0], q.prompt, test.s)
		if err == nil || r == nil || r.Stop != test.want {
			t.Errorf("%s: result %+v, error %v", name, r, err)
		}
		s := newSession(t, m)
		r, err = s.Run(test.ctx, nil, q.prompt, test.s)
		if err == nil || r == nil || r.Stop != test.want {
			t.Errorf("%s, in a session: result %+v, error %v", name, r, err)
		}
	}
	must(t, new(Session).Close())
	if err := new(Session).Prefill(t.Context(), nil, ""); !errors.Is(err, ErrClosed) {
		t.Errorf("a session that no model made: %v", err)
	}
}

// TestStream yields what Run returns.
func TestStream(t *testing.T) {
	m, q := openOracle(t, "pg1-a", Options{}), readQuestion(t, "pg1-a")
	sm := &Sampling{MaxTokens: 12}
	r, err := m.Run(t.Context(), q.pictures[0], q.prompt, sm)
	must(t, err)
	var got []Token
	for x, err := range m.Stream(t.Context(), q.pictures[0], q.prompt, sm) {
		must(t, err)
		if got = append(got, x); len(got) == len(r.Tokens) {
			break
		}
	}
	if !sameTokens(got, r.Tokens) {
		t.Errorf("streamed %v, want %v", got, r.Tokens)
	}
	for _, err := range m.Stream(t.Context(), nil, q.prompt, &Sampling{MinP: 3}) {
		if err == nil {
			t.Error("wrong sampling is streamed")
		}
	}
}

// TestReadCallsBackFreely: the function that Read calls may use the model and the
// session, and close it.
func TestReadCallsBackFreely(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{})
	ids := []int32{int32(q.tokens[0]), int32(q.tokens[1]), 5}
	calls := 0
	must(t, s.Read(t.Context(), ids, func(int, []float32) {
		calls++
		other := newSession(t, s.model)
		answer(t, other, images, q.prompt, &Sampling{MaxTokens: 1})
		if _, err := s.Logits(t.Context()); err != nil {
			t.Error(err)
		}
	}))
	if calls != len(ids) {
		t.Errorf("%d calls, want %d", calls, len(ids))
	}
	must(t, s.Read(t.Context(), ids[:1], func(int, []float32) { must(t, s.Close()) }))
	var none context.Context
	s = newSession(t, s.model)
	if err := s.Prefill(none, images, q.prompt); err == nil {
		t.Error("a nil context is taken")
	}
	if r, err := s.Run(none, images, q.prompt, nil); err == nil || r.Stop != StopFailed {
		t.Errorf("a nil context: %+v, %v", r, err)
	}
	answer(t, s, images, q.prompt, &Sampling{MaxTokens: 1})
}

// badPicture panics when it is looked at.
type badPicture struct{ image.Image }

func (badPicture) Bounds() image.Rectangle { return image.Rect(0, 0, 8, 8) }
func (badPicture) ColorModel() color.Model { return color.RGBAModel }
func (badPicture) At(int, int) color.Color { panic("bad picture") }

// TestPictureThatPanics leaves no session open: the model can be closed.
func TestPictureThatPanics(t *testing.T) {
	m := openTiny(t, Options{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the picture was not looked at")
			}
		}()
		m.Run(t.Context(), badPicture{}, "caption en", nil)
	}()
	must(t, m.Close())
}
