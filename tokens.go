package paligemma

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/sample"
)

// Tokens generates the answer to a Prefill, token by token, and ends at <eos>, or at
// another end that a fine-tuning has chosen, which is not among them. A nil sm means
// the defaults; the grammar is sm's, also for detect and segment prompts, unlike in
// Run. An error comes as the last pair, with a zero Token. Leaving the loop early is
// fine: the next call goes on from there. A Prefill or Append inside the loop ends it
// with an error.
func (s *Session) Tokens(ctx context.Context, sm *Sampling) iter.Seq2[Token, error] {
	if sm == nil {
		sm = &Sampling{}
	}
	return func(yield func(Token, error) bool) {
		_, err := s.generate(ctx, sm, func(t Token) bool { return yield(t, nil) })
		if err != nil {
			yield(Token{}, err)
		}
	}
}

// An answering is one loop over Tokens.
type answering struct {
	*Sampling
	sampler *sample.Sampler
	state   grammar.State // after the answer so far; nil without a grammar
	n       int           // tokens of this loop
	changes int           // of the session, when the loop began
	end     ending
}

// An ending is the end of a loop over Tokens: of this loop, whatever other goroutines do with
// the session after it.
type ending struct {
	stop    Stop
	rest    string // of the text: the replacement of an incomplete character
	timings Timings
}

// generate yields tokens until the answer ends or yield returns false.
func (s *Session) generate(ctx context.Context, sm *Sampling, yield func(Token) bool) (ending, error) {
	a, err := s.begin(sm)
	if err != nil {
		return ending{}, err
	}
	for {
		t, more, err := s.next(ctx, a)
		if err != nil {
			return a.end, err
		}
		if !more {
			break
		}
		if !yield(t) {
			return a.end, nil
		}
	}
	if a.end.rest != "" {
		yield(Token{ID: NoID, Text: a.end.rest})
	}
	return a.end, nil
}

// begin starts a loop over Tokens.
func (s *Session) begin(sm *Sampling) (*answering, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	s.stop = ""
	if !s.sequence.Ready() {
		return nil, errors.New("paligemma: Tokens before a Prefill that succeeded")
	}
	state, err := sm.check(s.model, s.answer)
	if err != nil {
		return nil, err
	}
	o := sm.options()
	if slices.Contains(o.Forbidden, s.model.tok.EOS()) { // the answer is not to end
		o.Forbidden = slices.Concat(o.Forbidden, s.model.tok.Ends())
	}
	return &answering{Sampling: sm, sampler: sample.New(o), state: state, changes: s.changes}, nil
}

// next returns the next token of an answer; more is false, and Session.stop set,
// at its end.
func (s *Session) next(ctx context.Context, a *answering) (t Token, more bool, err error) {
	if err := s.enter(); err != nil {
		return Token{}, false, err
	}
	defer func() {
		switch {
		case err != nil && over(ctx):
			s.stop = StopCancelled
		case err != nil:
			s.stop = StopFailed
		}
		if !more {
			s.model.turns.Leave(s)
		}
		if !more && err == nil {
			a.end.rest = s.text.Flush()
		}
		a.end.stop, a.end.timings = s.stop, s.timings()
		s.leave()
	}()
	if s.changes != a.changes {
		return Token{}, false, errors.New("paligemma: Prefill or Append was called inside the loop over Tokens: leave the loop first")
	}
	if a.n == a.limit() {
		s.stop = StopLength
		return Token{}, false, nil
	}
	if a.state == nil && !a.AllowRepeats && sample.Repeats(s.answer) {
		s.stop = StopRepeat
		return Token{}, false, nil
	}
	if t, err = s.choose(ctx, a); err != nil {
		return Token{}, false, err
	}
	switch {
	case t.ID == s.model.tok.EOS(), a.state == nil && slices.Contains(s.model.tok.Ends(), t.ID):
		s.stop = StopEOS
		return Token{}, false, nil
	case s.sequence.Len()+len(s.pending) == s.sequence.Cap():
		s.stop = StopContext
		return Token{}, false, nil
	}
	if a.state != nil {
		if a.state, err = grammar.Advance(a.state, t.ID); err != nil {
			return Token{}, false, fmt.Errorf("paligemma: %w", err)
		}
	}
	s.pending, s.answer = append(s.pending, t.ID), append(s.answer, t.ID)
	t.Text = s.text.Push(t.ID)
	a.n++
	return t, true, nil
}

// choose chooses the next token among those that the grammar's state allows; a
// nil state allows all. A token that is the only one is not computed before
// another has to be chosen: then both are, in one step. The token's text is left
// out. When it fails it may be called again.
func (s *Session) choose(ctx context.Context, a *answering) (Token, error) {
	start := time.Now()
	defer func() { s.decoding += time.Since(start) }()
	r := &decode.Request{Sampler: a.sampler, Number: len(s.answer)}
	if a.state != nil {
		r.Allowed = a.state.Allowed()
		if err := grammar.Check(r.Allowed, s.model.cfg.Vocabulary); err != nil {
			return Token{}, fmt.Errorf("paligemma: %w", err)
		}
		if id, ok := decode.Forced(r.Allowed); ok && !a.sampler.Forbids(id) && !over(ctx) {
			return Token{ID: id}, nil
		}
	}
	err := s.step(ctx, r)
	if err == nil && over(ctx) { // it ended while others were computed, too
		err = context.Cause(ctx)
	}
	switch {
	case errors.Is(err, sample.ErrForbidden):
		return Token{}, requestf(ErrSampling, "generate: %w", err)
	case err != nil:
		return Token{}, fmt.Errorf("paligemma: generate: %w", err)
	}
	return Token{ID: r.Choice.ID, LogProb: r.Choice.LogProb, Spread: r.Choice.Spread}, nil
}

// over reports whether a context has ended. A nil one has not: what computes
// refuses it.
func over(ctx context.Context) bool { return ctx != nil && ctx.Err() != nil }
