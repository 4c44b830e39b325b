package paligemma

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testrace"
)

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

// TestCancelledRunWaitsForNobody: its session is closed when others have computed, without
// it; Close of the model and the room for caches count it in until then.
func TestCancelledRunWaitsForNobody(t *testing.T) {
	m, q := openOracle(t, "pg1-a", Options{}), readQuestion(t, "pg1-a")
	m.opts.CacheMemory = m.cacheBytes() // room for one session
	busy, free, others := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		others <- m.turns.Task(t.Context(), func(context.Context, func() error) error {
			close(busy)
			<-free
			return nil
		})
	}()
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() {
		_, err := m.Run(ctx, q.pictures[0], q.prompt, nil)
		ran <- err
	}()
	returns := func(not string) {
		t.Helper()
		select {
		case err := <-ran:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
		case <-time.After(time.Minute):
			t.Error("it waits for the " + not)
		}
	}
	cancel()
	returns("device")
	// The next one waits for the room of the first, whose session is closed later.
	own, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := m.Run(own, q.pictures[0], q.prompt, nil)
		ran <- err
	}()
	select {
	case err := <-ran:
		t.Errorf("beside a session that closes: error %v, want none", err)
	case <-time.After(20 * time.Millisecond):
	}
	cancel()
	returns("room")
	close(free)
	must(t, <-others)
	if _, err := m.Run(t.Context(), q.pictures[0], q.prompt, &Sampling{MaxTokens: 1}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	must(t, m.Close())
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
