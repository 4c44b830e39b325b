package paligemma

import (
	"errors"
	"fmt"
)

// A Grammar says which answers are possible, token by token. Sampling chooses
// among the tokens that it allows, and the output head computes no others'
// logits, so that a box costs little more than its blocks.
//
// [Boxes], [Masks] and [OneOf] make grammars, [Prompt.Grammar] that of a
// prompt. A program may have its own.
type Grammar interface {
	// Start returns the state before an answer's first token. The error says why
	// the model cannot give such answers.
	Start(m *Model) (State, error)
}

// A State is a place in an answer. It does not change: an answer that is
// continued reads it again.
type State interface {
	// Allowed returns the ids that may come next, at least one, in ascending
	// order; Model.EOS is among them where the answer may end. The fewer ranges,
	// the fewer products.
	Allowed() []Range

	// Next returns the state after one of them other than Model.EOS.
	Next(id int32) State
}

// A Range is the ids from First up to, but without, Last.
type Range struct{ First, Last int32 }

// checkAllowed refuses ranges that break State's promise.
func checkAllowed(allowed []Range, vocabulary int) error {
	if len(allowed) == 0 {
		return errors.New("grammar: no token is allowed, not even <eos>")
	}
	last := int32(0)
	for _, r := range allowed {
		if r.First < last || r.First >= r.Last || int(r.Last) > vocabulary {
			return fmt.Errorf("grammar: allowed ids [%d, %d) after %d, want ascending ids from 0 to %d", r.First, r.Last, last, vocabulary-1)
		}
		last = r.Last
	}
	return nil
}

// advance is the state after an id, which must be allowed.
func advance(s State, id int32) (State, error) {
	for _, r := range s.Allowed() {
		if r.First <= id && id < r.Last {
			if s = s.Next(id); s == nil {
				return nil, fmt.Errorf("grammar: no state after token %d", id)
			}
			return s, nil
		}
	}
	return nil, fmt.Errorf("grammar: token %d is not allowed after those before it", id)
}

// start is the state after the tokens of an answer so far; nil without a
// grammar.
func (m *Model) start(g Grammar, answer []int32) (State, error) {
	if g == nil {
		return nil, nil
	}
	s, err := g.Start(m)
	if err == nil && s == nil {
		err = errors.New("grammar: no first state")
	}
	for i, id := range answer {
		if err != nil {
			break
		}
		if s, err = advance(s, id); err != nil {
			err = fmt.Errorf("answer so far, token %d: %w", i, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("paligemma: %w", err)
	}
	return s, nil
}
