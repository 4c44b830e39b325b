package paligemma

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/sample"
)

// Tokens generates the answer to a Prefill, token by token, and ends at <eos>,
// which is not among them. A nil sm means the defaults; the grammar is sm's, also
// for detect and segment prompts, unlike in Run. An error comes as the
// last pair, with a zero Token. Leaving the loop early is fine: the next call
// goes on from there. A Prefill or Append inside the loop ends it with an error.
func (s *Session) Tokens(ctx context.Context, sm *Sampling) iter.Seq2[Token, error] {
	if sm == nil {
		sm = &Sampling{}
	}
	return func(yield func(Token, error) bool) {
		s.stop = ""
		if err := s.generate(ctx, sm, func(t Token) bool { return yield(t, nil) }); err != nil {
			yield(Token{}, err)
		}
	}
}

// generate yields tokens until the answer ends or yield returns false.
func (s *Session) generate(ctx context.Context, sm *Sampling, yield func(Token) bool) error {
	switch {
	case s.closed:
		return fmt.Errorf("paligemma: session: %w", ErrClosed)
	case !s.sequence.Ready():
		return errors.New("paligemma: Tokens before a Prefill that succeeded")
	}
	state, err := sm.check(s.model, s.answer)
	if err != nil {
		return err
	}
	sampler := sample.New(sm.options())
	changes := s.changes
	for n := 0; ; n++ {
		if s.changes != changes {
			return errors.New("paligemma: Prefill or Append was called inside the loop over Tokens: leave the loop first")
		}
		if sm.MaxTokens > 0 && n == sm.MaxTokens {
			s.stop = StopLength
			break
		}
		if state == nil && !sm.AllowRepeats && sample.Repeats(s.answer) {
			s.stop = StopRepeat
			break
		}
		t, err := s.choose(ctx, sampler, state)
		if err != nil {
			return err
		}
		if t.ID == s.model.tok.EOS() {
			s.stop = StopEOS
			break
		}
		if s.sequence.Len() == s.sequence.Cap() {
			s.stop = StopContext
			break
		}
		if state != nil {
			if state, err = grammar.Advance(state, t.ID); err != nil {
				return fmt.Errorf("paligemma: %w", err)
			}
		}
		s.pending, s.answer = t.ID, append(s.answer, t.ID)
		t.Text = s.text.Push(t.ID)
		if !yield(t) {
			return nil
		}
	}
	if rest := s.text.Flush(); rest != "" {
		yield(Token{ID: NoID, Text: rest})
	}
	return nil
}

// choose computes the token that was chosen last, if that is still to do, and
// chooses the next among those that the grammar's state allows; a nil state
// allows all. The token's text is left out. When it fails it may be called
// again.
func (s *Session) choose(ctx context.Context, sampler *sample.Sampler, state grammar.State) (Token, error) {
	start := time.Now()
	defer func() { s.decoding += time.Since(start) }()
	if err := s.flush(ctx); err != nil {
		return Token{}, fmt.Errorf("paligemma: generate: %w", err)
	}
	var allowed []grammar.Range
	if state != nil {
		allowed = state.Allowed()
		if err := grammar.Check(allowed, s.model.cfg.Vocabulary); err != nil {
			return Token{}, fmt.Errorf("paligemma: %w", err)
		}
	}
	c, err := s.decoder.Next(ctx, s.sequence, sampler, allowed, len(s.answer))
	if err != nil {
		return Token{}, fmt.Errorf("paligemma: generate: %w", err)
	}
	return Token{ID: c.ID, LogProb: c.LogProb, Spread: c.Spread}, nil
}

// flush computes the token that was chosen last, if that is still to do.
func (s *Session) flush(ctx context.Context) error {
	switch {
	case s.closed:
		return fmt.Errorf("session: %w", ErrClosed)
	case !s.sequence.Ready():
		return errors.New("no Prefill that succeeded")
	case s.pending == NoID:
		return nil
	}
	if err := s.decoder.Step(ctx, decode.Row{Sequence: s.sequence, ID: s.pending}); err != nil {
		return err
	}
	s.pending = NoID
	return nil
}
