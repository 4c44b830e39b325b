package paligemma

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
)

// TestClose closes in every order, twice, and on nil; afterwards nothing
// native is left.
func TestClose(t *testing.T) {
	must(t, (*Model)(nil).Close())
	must(t, (*Session)(nil).Close())
	must(t, new(Model).Close())

	q := readQuestion(t, "pg1-a")
	eachDoor(t, func(t *testing.T, e EngineOptions) {
		m, err := Open(testmodel.Convert(t, "pg1-a", convert.Options{Type: "q8_0"}), &Options{Engine: e, Threads: 1})
		must(t, err)
		images := encodeAll(t, m, q.pictures)
		var sessions []*Session
		for range 2 {
			s, err := m.NewSession()
			must(t, err)
			answer(t, s, images, q.prompt, &Sampling{MaxTokens: 2})
			sessions = append(sessions, s)
		}
		if err := m.Close(); err == nil || !strings.Contains(err.Error(), "2 sessions") {
			t.Errorf("Close with two sessions open: %v", err)
		}
		answer(t, sessions[0], images, q.prompt, &Sampling{MaxTokens: 2}) // still usable
		for _, s := range sessions {
			must(t, s.Close())
			must(t, s.Close())
		}
		must(t, m.Close())
		must(t, m.Close())
		must(t, sessions[0].Close()) // after its model
		if n := m.lib.Live(); n != 0 {
			t.Errorf("%d native handles are left", n)
		}
		usedClosed(t, m, sessions[0], images, q)
	})
}

// usedClosed wants ErrClosed of everything.
func usedClosed(t *testing.T, m *Model, s *Session, images []*Image, q question) {
	t.Helper()
	_, err := m.NewSession()
	check := func(what string, err error) {
		if !errors.Is(err, ErrClosed) || strings.Count(err.Error(), "paligemma: ") != 1 {
			t.Errorf("%s after Close: %v, want ErrClosed", what, err)
		}
	}
	check("NewSession", err)
	_, err = m.Encode(t.Context(), q.pictures[0])
	check("Encode", err)
	_, err = m.Run(t.Context(), q.pictures[0], q.prompt, nil)
	check("Run", err)
	check("Prefill", s.Prefill(t.Context(), images, q.prompt))
	_, err = s.Run(t.Context(), images, q.prompt, nil)
	check("Session.Run", err)
	for _, err := range s.Tokens(t.Context(), nil) {
		check("Tokens", err)
	}
}

func TestPictureOfAnotherModel(t *testing.T) {
	file, q := testmodel.Convert(t, "pg1-a", convert.Options{Type: "f32"}), readQuestion(t, "pg1-a")
	a, b := open(t, file, Options{}), open(t, file, Options{})
	images := append(encodeAll(t, a, q.pictures), encodeAll(t, b, q.pictures)...)
	s := newSession(t, a)
	for _, list := range [][]*Image{images, {images[0], nil}} {
		if err := s.Prefill(t.Context(), list, q.prompt); err == nil || !strings.Contains(err.Error(), "picture 2 was not encoded by this model") {
			t.Errorf("Prefill with a picture of another model: %v", err)
		}
	}
	if _, err := a.Encode(t.Context(), nil); err == nil {
		t.Error("Encode takes no picture at all")
	}
}

// longPrompt takes a tiny model seconds to read.
const longPrompt = 16000 // tokens

// TestCancel ends contexts at several moments of a prompt and of an answer. The
// call returns within 100 ms, and the session answers as ever.
func TestCancel(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{Context: longPrompt + 2000, Batch: 1 << 20})
	q := readQuestion(t, "pg1-a")
	images := encodeAll(t, m, q.pictures)
	s := newSession(t, m)
	long := Prompt(strings.Repeat("?", longPrompt))
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond} {
		cancelled(t, after, func(ctx context.Context) error { return s.Prefill(ctx, images, long) })
		if got := answer(t, s, images, q.prompt, &Sampling{MaxTokens: 4}); int64(got[3]) != q.tokens[3] {
			t.Errorf("after a cancelled prompt the answer is %v, want %v", got, q.tokens[:4])
		}
	}
	must(t, s.Prefill(t.Context(), images, q.prompt))
	var got []int32
	for _, after := range []time.Duration{0, 3 * time.Millisecond, 30 * time.Millisecond} {
		cancelled(t, after, func(ctx context.Context) error {
			for x, err := range s.Tokens(ctx, &Sampling{Forbidden: []int32{s.model.tok.EOS()}, AllowRepeats: true}) {
				if err != nil {
					return err
				}
				got = append(got, x.ID)
			}
			return nil
		})
	}
	if len(got) == 0 { // a slow machine: go on
		got = append(got, ids(collect(t, s, nil, 4))...)
	}
	for i := range min(len(got), len(q.tokens)) {
		if int64(got[i]) != q.tokens[i] {
			t.Errorf("token %d of a cancelled answer is %d, want %d", i, got[i], q.tokens[i])
		}
	}
}

// cancelled runs f with a context that ends while it runs: again if f returned late, as it
// does when other processes have the processors.
func cancelled(t *testing.T, after time.Duration, f func(context.Context) error) {
	t.Helper()
	var took []time.Duration
	for range 10 {
		stop := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan time.Time, 1)
		time.AfterFunc(after, func() {
			ended <- time.Now()
			cancel(stop)
		})
		err := f(ctx)
		took = append(took, time.Since(<-ended))
		if !errors.Is(err, stop) {
			t.Fatalf("cancelled after %v: error %v, want the cause", after, err)
		}
		if took[len(took)-1] <= 100*time.Millisecond*testrace.Slowness {
			return
		}
	}
	t.Errorf("cancelled after %v: returned %v later, want 100ms at most", after, took)
}

// TestCancelEncode ends the context of the tower; closing right after is fine.
func TestCancelEncode(t *testing.T) {
	q := readQuestion(t, "pg1-a")
	m := openOracle(t, "pg1-a", Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Encode(ended, q.pictures[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("Encode with an ended context: %v", err)
	}
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Microsecond)
		if _, err := m.Encode(ctx, q.pictures[0]); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Encode: %v", err)
		}
		cancel()
	}
	must(t, m.Close())
	if n := m.lib.Live(); n != 0 {
		t.Errorf("%d native handles are left", n)
	}
}

// TestRunCancelled gives what was generated so far, with the error.
func TestRunCancelled(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{Context: 4000})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(150*time.Millisecond*testrace.Slowness, cancel)
	r, err := s.Run(ctx, images, q.prompt, &Sampling{Forbidden: []int32{s.model.tok.EOS()}, MaxTokens: NoLimit, AllowRepeats: true})
	if !errors.Is(err, context.Canceled) || r == nil {
		t.Fatalf("result %v, error %v", r, err)
	}
	if len(r.Tokens) == 0 || r.Text != s.model.Detokenize(ids(r.Tokens)) || r.Stop != StopCancelled {
		t.Errorf("%d tokens, text %q, stopped for %q", len(r.Tokens), r.Text, r.Stop)
	}
}

// TestConcurrentSessions runs 8 sessions on one model at a time, some with a
// picture of their own.
func TestConcurrentSessions(t *testing.T) {
	m, q := openOracle(t, "pg2-b", Options{}), readQuestion(t, "pg2-b")
	shared := encodeAll(t, m, q.pictures)
	var wg sync.WaitGroup
	answers := make([][]int32, 8)
	for i := range answers {
		wg.Go(func() {
			images := shared
			if i%2 == 1 {
				img, err := m.Encode(t.Context(), q.pictures[0])
				if err != nil {
					t.Error(err)
					return
				}
				images = []*Image{img}
			}
			s, err := m.NewSession()
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			r, err := s.Run(t.Context(), images, q.prompt, &Sampling{MaxTokens: 16, AnyText: true})
			if err != nil {
				t.Error(err)
				return
			}
			answers[i] = ids(r.Tokens)
		})
	}
	wg.Wait()
	for i, got := range answers {
		for k, want := range q.tokens[:16] {
			if len(got) != 16 || int64(got[k]) != want {
				t.Errorf("session %d: %v, want %v", i, got, q.tokens[:16])
				break
			}
		}
	}
	if slices.Contains(q.tokens[:16], int64(m.tok.EOS())) {
		t.Error("the answer ends early: take another checkpoint")
	}
}
