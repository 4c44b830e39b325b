package paligemma

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/spm"
)

// A Session answers one prompt at a time and holds its key-value cache. A model
// may have any number of sessions. A session is for one goroutine at a time: a call
// that computes while another runs fails with ErrBusy, and Close waits for it.
type Session struct {
	model    *Model
	sequence *decode.Sequence

	mu     sync.Mutex // held by the call that runs
	closed bool

	changes int         // by Prefill and Append, for Tokens to notice
	pending []int32     // chosen, but not computed yet
	answer  []int32     // ids chosen since Prefill
	text    *spm.Stream // of the answer
	stop    Stop

	prompt              int // tokens of the prompt
	prefilled, decoding time.Duration

	seen struct { // the state after the last call, for those who ask while another runs
		sync.Mutex
		timings Timings
		stop    Stop
	}
}

// NewSession returns a session with room for Config.Session tokens. Most callers
// want Model.Run. It fails with ErrNoMemory if its cache does not fit in
// Options.CacheMemory or MemoryLimit. The caller must Close the session.
func (m *Model) NewSession() (*Session, error) { return m.newSession(context.Background()) }

// newSession is NewSession that waits no longer than ctx for a cache that is about to be free.
func (m *Model) newSession(ctx context.Context) (*Session, error) {
	if err := m.hold(); err != nil {
		return nil, err
	}
	s := &Session{model: m}
	err := m.reserveCache(ctx)
	if err == nil {
		if s.sequence, err = m.decoder.NewSequence(m.opts.Context); err != nil {
			m.releaseCache()
		}
	}
	if err != nil {
		m.release()
		return nil, fmt.Errorf("paligemma: session: %w", err)
	}
	return s, nil
}

// Close frees the session, after the call that runs. It is safe on nil and when
// closed.
func (s *Session) Close() error {
	if s == nil || s.model == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.model.turns.Leave(s)
	err := s.model.turns.Do(func() { s.sequence.Close() })
	s.model.releaseCache()
	s.model.release()
	return err
}

// enter begins a call: it fails while another runs, once the session is closed, and
// when a file of the model has changed. leave ends the call.
func (s *Session) enter() error {
	switch {
	case s == nil: // of a NewSession that failed
		return fmt.Errorf("paligemma: session: not made by NewSession: %w", ErrClosed)
	case !s.mu.TryLock():
		return fmt.Errorf("paligemma: session: %w", ErrBusy)
	case s.closed || s.model == nil:
		s.mu.Unlock()
		return fmt.Errorf("paligemma: session: %w", ErrClosed)
	}
	if err := s.model.checkFiles(); err != nil {
		s.mu.Unlock()
		return fmt.Errorf("paligemma: %w", err)
	}
	return nil
}

func (s *Session) leave() {
	s.seen.Lock()
	s.seen.timings, s.seen.stop = s.timings(), s.stop
	s.seen.Unlock()
	s.mu.Unlock()
}

// Prefill starts over with pictures and a prompt, computed as one prefix in
// which everything sees everything. The pictures must be of this model. A
// Prefill that is refused, because the prompt does not fit or a picture is
// another model's, changes nothing; one that fails later leaves no prompt.
func (s *Session) Prefill(ctx context.Context, images []*Image, p Prompt) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	start := time.Now()
	if err := s.model.checkRoom(p, len(images)); err != nil {
		return err
	}
	if err := s.model.check(p, len(images)); err != nil {
		return err
	}
	ids := s.model.PromptIDs(p)
	n := len(images)*s.model.cfg.ImageTokens + len(ids)
	if n >= s.sequence.Cap() {
		return requestf(ErrPrompt, "prompt of %d tokens in a context of %d: %w", n, s.sequence.Cap(), ErrContextFull)
	}
	var soft []float32 // [d, image tokens]
	for i, img := range images {
		if img == nil || img.model != s.model {
			return requestf(ErrPicture, "picture %d was not encoded by this model", i+1)
		}
		soft = append(soft, img.tokens...)
	}
	s.changes++
	s.pending, s.answer = nil, nil
	s.model.turns.Leave(s)
	err := s.model.turns.Task(ctx, func(ctx context.Context, pause func() error) error {
		return s.model.decoder.Prefix(ctx, s.sequence, soft, ids, pause)
	})
	if err != nil {
		s.sequence.Reset()
		return fmt.Errorf("paligemma: prompt: %w", err)
	}
	s.prompt, s.text = n, s.model.tok.Stream()
	s.prefilled, s.decoding = time.Since(start), 0
	return nil
}

// PromptIDs returns a prompt's ids as they follow the pictures: <bos>, the text
// of [Prompt.Read], a newline. It returns nil for a prompt that Read refuses.
func (m *Model) PromptIDs(p Prompt) []int32 {
	r, err := p.Read()
	if err != nil {
		return nil
	}
	ids := append([]int32{m.tok.BOS()}, m.tok.Encode(r.Text)...)
	return append(ids, m.tok.Encode("\n")...)
}

// Timings returns the timings of the last Prefill and of the tokens generated
// since. Both include the time spent waiting for others. Generated also counts the tokens
// of Append. While a call runs they are those before it.
func (s *Session) Timings() Timings {
	s.seen.Lock()
	defer s.seen.Unlock()
	return s.seen.timings
}

// timings is Timings during a call.
func (s *Session) timings() Timings {
	return Timings{Prefill: s.prefilled, Decode: s.decoding, PromptTokens: s.prompt, Generated: len(s.answer)}
}

// Stopped says why Tokens ended last; "" if it was left early.
func (s *Session) Stopped() Stop {
	s.seen.Lock()
	defer s.seen.Unlock()
	return s.seen.stop
}
