package paligemma

import (
	"context"
	"errors"
	"fmt"
)

// Append continues the answer with given tokens, as if they had been chosen. It
// is for scoring text that is known; most callers want Tokens. Those before the
// one that an error is about have been appended.
func (s *Session) Append(ctx context.Context, ids ...int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= s.model.cfg.Vocabulary {
			return fmt.Errorf("paligemma: append: token %d is %d, want 0 to %d", i, id, s.model.cfg.Vocabulary-1)
		}
	}
	for i, id := range ids {
		if err := s.settle(ctx); err != nil {
			return fmt.Errorf("paligemma: append: token %d: %w", i, err)
		}
		if err := s.extend(ctx, id); err != nil {
			return fmt.Errorf("paligemma: append: token %d: %w", i, err)
		}
		s.answer = append(s.answer, id)
		s.text.Push(id)
	}
	return nil
}

// Logits returns the scores [vocabulary] of all tokens as the next of the
// answer: their softmax is the model's distribution. They are valid until the
// session's next call.
func (s *Session) Logits(ctx context.Context) ([]float32, error) {
	err := s.settle(ctx)
	if err == nil {
		var logits []float32
		if logits, err = s.logits(ctx, s.model.everything()); err == nil {
			return logits, nil
		}
	}
	return nil, fmt.Errorf("paligemma: logits: %w", err)
}

// settle computes the token that was chosen last, if that is still to do.
func (s *Session) settle(ctx context.Context) error {
	switch {
	case s.closed:
		return fmt.Errorf("session: %w", ErrClosed)
	case s.hidden == nil:
		return errors.New("no Prefill that succeeded")
	case s.pending == NoID:
		return nil
	}
	if err := s.extend(ctx, s.pending); err != nil {
		return err
	}
	s.pending = NoID
	return nil
}
