package paligemma

import (
	"context"
	"errors"
	"image"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestTraceOfManyBatches computes a prompt in hundreds of batches while all activations are
// kept: ggml's allocator ends the process when a graph leaves it more than 256 gaps. More
// batches than a graph can have are an error that says what to do.
func TestTraceOfManyBatches(t *testing.T) {
	prompt := Prompt("answer en " + strings.Repeat("red disc ", 76))
	for _, k := range []string{"off", "auto"} {
		var seen atomic.Int64
		count := func(string, []int, []float32) { seen.Add(1) }
		for _, trace := range []TraceFunc{nil, count} {
			m := openTiny(t, Options{Kernels: k, Batch: 2, Context: 1024, Trace: trace})
			if n := len(m.PromptIDs(prompt)); n < 460 {
				t.Fatalf("the prompt has %d tokens", n)
			}
			s := newSession(t, m)
			must(t, s.Prefill(t.Context(), encodeAll(t, m, scenes(t, 1)), prompt))
		}
		if seen.Load() < 230 {
			t.Errorf("kernels %s: %d activations", k, seen.Load())
		}
	}
	m := openTiny(t, Options{Batch: 1, Context: 1024, Trace: func(string, []int, []float32) {}})
	if err := newSession(t, m).Prefill(t.Context(), nil, prompt); err == nil || !strings.Contains(err.Error(), "larger batches") {
		t.Errorf("batches of a token: error %v", err)
	}
}

// TestTracePanics: a panic of Options.Trace is an error of the call, wherever it comes, and
// the model answers the next call.
func TestTracePanics(t *testing.T) {
	var angry atomic.Bool
	m := openTiny(t, Options{Trace: func(string, []int, []float32) {
		if angry.Load() {
			panic("trace")
		}
	}})
	picture := image.NewGray(image.Rect(0, 0, 9, 9))
	s := newSession(t, m)
	img, err := m.Encode(t.Context(), picture)
	must(t, err)
	prefill := func() error { return s.Prefill(t.Context(), []*Image{img}, "ocr") }
	tokens := func() error {
		for _, err := range s.Tokens(t.Context(), &Sampling{MaxTokens: 2, AllowRepeats: true, AnyText: true}) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	encode := func() error {
		_, err := m.Encode(t.Context(), picture)
		return err
	}
	for name, call := range map[string]func() error{"Encode": encode, "Prefill": prefill, "Tokens": tokens} {
		must(t, prefill())
		angry.Store(true)
		var fault *PanicError
		if err := call(); !errors.As(err, &fault) || fault.Value != "trace" {
			t.Errorf("%s: error %v", name, err)
		}
		angry.Store(false)
		if err := errors.Join(encode(), prefill(), tokens()); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// TestTraceCallsBack: an Options.Trace that calls the model, which it must not, gets an error
// when its context ends, and the call that it traces goes on.
func TestTraceCallsBack(t *testing.T) {
	var m *Model
	var s *Session
	picture := image.NewGray(image.Rect(0, 0, 9, 9))
	var calls atomic.Int64
	m = openTiny(t, Options{Trace: func(string, []int, []float32) {
		if m == nil || s == nil || calls.Add(1) != 1 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := m.Encode(ctx, picture); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Encode in a trace: error %v", err)
		}
		if err := s.Prefill(ctx, nil, "ocr"); !errors.Is(err, ErrBusy) {
			t.Errorf("the same session in a trace: error %v", err)
		}
		if err := m.Close(); err == nil {
			t.Error("Close in a trace succeeds")
		}
	}})
	s = newSession(t, m)
	if _, err := s.Run(t.Context(), nil, "ocr", &Sampling{MaxTokens: 3}); err != nil || calls.Load() < 2 {
		t.Errorf("%d activations, error %v", calls.Load(), err)
	}
}
