package grammar

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// OneOf allows an answer that is one of the texts as a whole, for questions
// that have only so many: OneOf("yes", "no"). Start fails without texts, and for a text
// that is not UTF-8 or holds U+2581 (▁), which models write as a space.
func OneOf(texts ...string) Grammar { return oneOf(texts) }

type oneOf []string

// Start puts the texts' tokens into a trie.
func (o oneOf) Start(v Vocabulary) (State, error) {
	if len(o) == 0 {
		return nil, errors.New("grammar: OneOf has no texts")
	}
	all := make([]sequence, 0, len(o))
	for _, text := range o {
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("grammar: text %q is not UTF-8", text)
		}
		if err := checkSpaces("text", text); err != nil {
			return nil, fmt.Errorf("grammar: %w", err)
		}
		all = append(all, sequence{v.Tokenize(text), endOfAnswer})
	}
	return textState{newTrie(all), v.EOS()}, nil
}

// A textState is a place within the texts.
type textState struct {
	*node
	eos int32
}

func (s textState) Allowed() []Range {
	if s.ends&endOfAnswer != 0 {
		return sorted(append(s.next(), only(s.eos))...)
	}
	return sorted(s.next()...)
}

func (s textState) Next(id int32) State { return textState{s.child(id), s.eos} }
