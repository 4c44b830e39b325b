package paligemma

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/internal/decode"
)

// appendRows is how many given tokens are computed at a time: with more, other
// answers would wait too long.
const appendRows = 16

// Append continues the answer with given tokens, as if they had been chosen, and
// computes several at a time. It is for text that is known; most callers want
// Tokens, or Score. If it fails, only a beginning of the tokens may have been
// appended.
func (s *Session) Append(ctx context.Context, ids ...int32) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.checkIDs(ids); err != nil {
		return fmt.Errorf("paligemma: append: %w", err)
	}
	s.changes++
	for done := 0; done < len(ids); {
		room := s.sequence.Cap() - s.sequence.Len() - len(s.pending)
		some := ids[done:min(done+min(appendRows, max(room, 1)), len(ids))]
		if err := s.step(ctx, &decode.Request{IDs: some}); err != nil {
			return fmt.Errorf("paligemma: append: token %d: %w", done, err)
		}
		s.take(some)
		done += len(some)
	}
	return nil
}

// Read is Append for those who want the model's predictions of a known text: it
// calls each with the logits [vocabulary] of all tokens before each of ids, which
// are valid during the call. As many as 16 ids are computed at a time.
func (s *Session) Read(ctx context.Context, ids []int32, each func(i int, logits []float32)) error {
	if each == nil {
		return errors.New("paligemma: read: each is nil, want a function; Append is for ids whose logits nobody asks for")
	}
	for done := 0; done < len(ids); done += appendRows {
		logits, err := s.predict(ctx, ids, done)
		if err != nil {
			return err
		}
		for i, l := range logits {
			each(done+i, l)
		}
	}
	return nil
}

// predict appends a few of ids, after those that are done, and returns the logits before each.
func (s *Session) predict(ctx context.Context, ids []int32, done int) (all [][]float32, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	defer func() {
		if err != nil {
			err = fmt.Errorf("paligemma: read: after %d tokens: %w", done, err)
		}
	}()
	ids = ids[done:min(done+appendRows, len(ids))]
	if err := s.checkIDs(ids); err != nil {
		return nil, err
	}
	skip, last := len(s.pending), len(ids)-1 // predictions that were made; nothing is asked after the last id yet
	err = s.step(ctx, &decode.Request{IDs: ids[:last], Each: func(i int, logits []float32) {
		if i >= skip {
			all = append(all, slices.Clone(logits))
		}
	}})
	if err != nil {
		return nil, err
	}
	s.changes++
	s.pending = []int32{ids[last]}
	s.take(ids)
	return all, nil
}

// checkIDs reports the first id that is not one of the vocabulary.
func (s *Session) checkIDs(ids []int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= s.model.cfg.Vocabulary {
			return fmt.Errorf("token %d is %d, want 0 to %d", i, id, s.model.cfg.Vocabulary-1)
		}
	}
	return nil
}

// take notes given tokens as a part of the answer.
func (s *Session) take(ids []int32) {
	for _, id := range ids {
		s.answer = append(s.answer, id)
		s.text.Push(id)
	}
}

// Logits returns the logits [vocabulary] of all tokens as the next of the
// answer: their softmax is the model's distribution. They are valid until the
// session's next call.
func (s *Session) Logits(ctx context.Context) ([]float32, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	r := &decode.Request{Allowed: s.model.everything()}
	if err := s.step(ctx, r); err != nil {
		return nil, fmt.Errorf("paligemma: logits: %w", err)
	}
	return r.Logits, nil
}

// step computes the tokens that were chosen and are not computed yet, then those
// of the request, and what the request asks for, together with what other sessions
// ask for. If it fails it may be called again.
func (s *Session) step(ctx context.Context, r *decode.Request) error {
	if !s.sequence.Ready() {
		return errors.New("no Prefill that succeeded")
	}
	r.Sequence, r.IDs = s.sequence, slices.Concat(s.pending, r.IDs)
	if err := s.model.turns.Step(ctx, s, r); err != nil {
		return err
	}
	if r.Computed {
		s.pending = nil
	}
	return r.Err
}
