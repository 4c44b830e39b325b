package paligemma

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/spm"
)

// A Session answers one prompt at a time and holds its key-value cache. It is
// not safe for concurrent use; a model may have any number of sessions.
type Session struct {
	model    *Model
	backend  *nn.Backend
	decoder  *decode.Decoder
	sequence *decode.Sequence
	closed   bool

	changes int         // by Prefill and Append, for Tokens to notice
	pending int32       // chosen, but not computed yet; NoID for none
	answer  []int32     // ids chosen since Prefill
	text    *spm.Stream // of the answer
	stop    Stop

	prompt              int // tokens of the prompt
	prefilled, decoding time.Duration
}

// NewSession returns a session with room for the model's Context tokens. Most
// callers want Model.Run. The caller must Close it.
func (m *Model) NewSession() (*Session, error) {
	if err := m.hold(); err != nil {
		return nil, err
	}
	s := &Session{model: m, pending: NoID}
	var err error
	if s.backend, err = m.newBackend(); err == nil {
		s.decoder = decode.New(s.backend, m.decoder, m.decodeOptions())
		s.sequence, err = s.decoder.NewSequence(m.opts.Context)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("paligemma: session: %w", err)
	}
	return s, nil
}

// decodeOptions returns the options of a session's decoder.
func (m *Model) decodeOptions() decode.Options {
	o := decode.Options{Batch: m.opts.Batch, CacheType: gguf.F16, Trace: m.opts.Trace}
	if m.opts.CacheF32 {
		o.CacheType = gguf.F32
	}
	if ids, err := m.locseg(); err == nil { // the vocabulary has coordinates
		o.Locs = grammar.Range{First: ids.Loc, Last: ids.Loc + locseg.Locs}
	}
	return o
}

// Close frees the session. It waits for a computation that was cancelled. It is
// safe on nil and when closed.
func (s *Session) Close() error {
	if s == nil || s.closed {
		return nil
	}
	s.closed = true
	s.decoder.Close()
	s.sequence.Close()
	s.backend.Close()
	s.model.release()
	return nil
}

// Prefill starts over with pictures and a prompt, computed as one prefix in
// which everything sees everything. The pictures must be of this model. A
// Prefill that is refused, because the prompt does not fit or a picture is
// another model's, changes nothing; one that fails later leaves no prompt.
func (s *Session) Prefill(ctx context.Context, images []*Image, p Prompt) error {
	start := time.Now()
	if err := s.model.check(p, len(images)); err != nil {
		return err
	}
	ids := s.model.PromptIDs(p)
	n := len(images)*s.model.cfg.ImageTokens + len(ids)
	switch {
	case s.closed:
		return fmt.Errorf("paligemma: session: %w", ErrClosed)
	case n >= s.sequence.Cap():
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
	s.pending, s.answer = NoID, nil
	if err := s.decoder.Prefix(ctx, s.sequence, soft, ids); err != nil {
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
// since.
func (s *Session) Timings() Timings {
	return Timings{Prefill: s.prefilled, Decode: s.decoding, PromptTokens: s.prompt, Generated: len(s.answer)}
}

// Stopped says why Tokens ended last; "" if it was left early or failed.
func (s *Session) Stopped() Stop { return s.stop }

// Append continues the answer with given tokens, as if they had been chosen. It
// is for scoring text that is known; most callers want Tokens. The tokens before
// the one that an error is about have been appended.
func (s *Session) Append(ctx context.Context, ids ...int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= s.model.cfg.Vocabulary {
			return fmt.Errorf("paligemma: append: token %d is %d, want 0 to %d", i, id, s.model.cfg.Vocabulary-1)
		}
	}
	s.changes++
	for i, id := range ids {
		err := s.flush(ctx)
		if err == nil {
			err = s.decoder.Step(ctx, decode.Row{Sequence: s.sequence, ID: id})
		}
		if err != nil {
			return fmt.Errorf("paligemma: append: token %d: %w", i, err)
		}
		s.answer = append(s.answer, id)
		s.text.Push(id)
	}
	return nil
}

// Logits returns the logits [vocabulary] of all tokens as the next of the
// answer: their softmax is the model's distribution. They are valid until the
// session's next call.
func (s *Session) Logits(ctx context.Context) ([]float32, error) {
	err := s.flush(ctx)
	if err == nil {
		var logits []float32
		if logits, err = s.decoder.Logits(ctx, s.sequence, s.model.everything()); err == nil {
			return logits, nil
		}
	}
	return nil, fmt.Errorf("paligemma: logits: %w", err)
}
