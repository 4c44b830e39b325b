// Package grammar says which answers a model may give, token by token.
//
// [Boxes] and [Masks] describe the objects that PaliGemma answers to "detect"
// and "segment" prompts, [OneOf] a choice among texts. A program may write its
// own Grammar; what one needs of a model is a [Vocabulary], so that grammars
// can be tested with a tokenizer alone.
//
//	sampling := &paligemma.Sampling{Grammar: grammar.OneOf("yes", "no")}
package grammar

import (
	"errors"
	"fmt"
	"iter"
)

// A Grammar says which answers are possible. Sampling chooses among the tokens
// that it allows, and the output head computes no other logits, so that a token
// of a box costs little more than the decoder's blocks.
type Grammar interface {
	// Start returns the state before the first token of an answer. The error says
	// why a model with this vocabulary cannot give such answers.
	Start(v Vocabulary) (State, error)
}

// A Vocabulary is the part of a model that grammars need. *paligemma.Model is
// one.
type Vocabulary interface {
	// Tokenize returns the ids of a text, without <bos>, as the model was trained
	// to cut it.
	Tokenize(text string) []int32

	// ID returns the id of a piece of the vocabulary, such as "<loc0000>".
	ID(piece string) (id int32, ok bool)

	// EOS returns the id that ends an answer.
	EOS() int32
}

// A State is a place in an answer. It does not change: an answer that is
// continued reads it again.
type State interface {
	// Allowed returns the ids that may come next, at least one, in ascending
	// order. The vocabulary's EOS is among them where the answer may end. The
	// fewer ranges there are, the fewer products the output head computes.
	Allowed() []Range

	// Next returns the state after one of the allowed ids other than EOS.
	Next(id int32) State
}

// A Range is the ids from First up to, but without, Last.
type Range struct{ First, Last int32 }

// Ranges returns the ranges of some ids, in any order, for State.Allowed.
func Ranges(ids ...int32) []Range {
	var all []Range
	for _, id := range ids {
		all = append(all, only(id))
	}
	return sorted(all...)
}

// All is the range of all ids of a vocabulary of a size.
func All(size int) []Range { return []Range{{0, int32(size)}} }

// IDs counts through the ids of ranges, in order.
func IDs(ranges []Range) iter.Seq2[int, int32] {
	return func(yield func(int, int32) bool) {
		i := 0
		for _, r := range ranges {
			for id := r.First; id < r.Last; id++ {
				if !yield(i, id) {
					return
				}
				i++
			}
		}
	}
}

// Resume returns the state after an answer so far. A nil Grammar has a nil
// State: everything is allowed.
func Resume(g Grammar, v Vocabulary, answer []int32) (State, error) {
	if g == nil {
		return nil, nil
	}
	s, err := g.Start(v)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, errors.New("grammar: no first state")
	}
	for i, id := range answer {
		if s, err = Advance(s, id); err != nil {
			return nil, fmt.Errorf("answer so far, token %d: %w", i, err)
		}
	}
	return s, nil
}

// Advance returns the state after an id. The error says that the id is not
// allowed, or that the grammar has no state for it.
func Advance(s State, id int32) (State, error) {
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

// Check refuses ranges that break the promise of State.Allowed for a vocabulary
// of a size.
func Check(allowed []Range, size int) error {
	if len(allowed) == 0 {
		return errors.New("grammar: no token is allowed, not even <eos>")
	}
	last := int32(0)
	for _, r := range allowed {
		if r.First < last || r.First >= r.Last || int(r.Last) > size {
			return fmt.Errorf("grammar: allowed ids [%d, %d) after %d, want ascending ids from 0 to %d (see Ranges)", r.First, r.Last, last, size-1)
		}
		last = r.Last
	}
	return nil
}
