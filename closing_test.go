package paligemma

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCloseInTheMiddle closes sessions while others use them, cancels calls, and closes
// the model while 32 goroutines ask: each answer is that of a session alone, or the error is
// ErrClosed, ErrBusy or the context's. Grammars are shared by all. In the end nothing native is left.
func TestCloseInTheMiddle(t *testing.T) {
	for range 3 {
		m := openTiny(t, Options{Parallel: 8, Patience: time.Millisecond})
		images := encodeAll(t, m, scenes(t, 2))
		list := errands(t, m, images, 8)
		var answers, refused atomic.Int32
		var all sync.WaitGroup
		var ended atomic.Bool
		for i := range 32 {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			all.Go(func() {
				for !ended.Load() {
					if closingErrand(t, m, images, list[r.IntN(len(list))], r) {
						answers.Add(1)
					} else {
						refused.Add(1)
					}
				}
			})
		}
		for answers.Load() < 10 {
			time.Sleep(time.Millisecond)
		}
		for err := errors.New(""); err != nil; time.Sleep(time.Millisecond) {
			ended.Store(answers.Load() >= 40)
			if err = m.Close(); err != nil && !strings.Contains(err.Error(), "in use") {
				t.Errorf("Close in the middle: %v", err)
			}
		}
		ended.Store(true)
		all.Wait()
		if n := m.lib.Live(); n != 0 {
			t.Errorf("%d native handles are left", n)
		}
		if answers.Load() == 0 || refused.Load() == 0 {
			t.Errorf("%d answers, %d errors: want both", answers.Load(), refused.Load())
		}
	}
}

// closingErrand asks in a session that another goroutine may close in the middle.
func closingErrand(t *testing.T, m *Model, images []*Image, e errand, r *rand.Rand) (ok bool) {
	s, err := m.NewSession()
	if err != nil {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("NewSession: %v", err)
		}
		return false
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var closer sync.WaitGroup
	defer closer.Wait()
	switch r.IntN(4) {
	case 0:
		pause := time.Duration(r.IntN(8000)) * time.Microsecond
		closer.Go(func() {
			time.Sleep(pause)
			if err := s.Close(); err != nil {
				t.Errorf("Close of a session: %v", err)
			}
		})
	case 1:
		time.AfterFunc(time.Duration(r.IntN(8000))*time.Microsecond, cancel)
	}
	defer s.Close()
	got, err := s.Run(ctx, e.images(images), e.prompt, &e.Sampling)
	switch {
	case err == nil && !sameTokens(got.Tokens, e.want):
		t.Errorf("%q: %v, alone %v", e.prompt, got.Tokens, e.want)
	case err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrBusy) && !errors.Is(err, context.Canceled):
		t.Errorf("%q: %v, want ErrClosed, ErrBusy or the context's error", e.prompt, err)
	}
	return err == nil
}
