package paligemma

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// OneOf allows an answer that is one of the texts as a whole, for questions
// that have only so many: OneOf("yes", "no").
func OneOf(texts ...string) Grammar { return oneOf(texts) }

type oneOf []string

func (o oneOf) Start(m *Model) (State, error) {
	if len(o) == 0 {
		return nil, errors.New("grammar: one of no texts")
	}
	var all phrase
	for _, text := range o {
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("grammar: text %q is not UTF-8", text)
		}
		all.add(m.Tokenize(text), endOfAnswer)
	}
	return textState{&all, m.EOS()}, nil
}

type textState struct {
	*phrase
	eos int32
}

func (s textState) Allowed() []Range {
	if s.ends&endOfAnswer != 0 {
		return ranges(append(s.next(), one(s.eos))...)
	}
	return ranges(s.next()...)
}

func (s textState) Next(id int32) State { return textState{s.after(id), s.eos} }

// A phrase is a place in a set of token sequences, which form a tree.
type phrase struct {
	ids   []int32 // that may come next, ascending
	below []*phrase
	ends  end
}

// An end is what a sequence leads to, as bits: it may lead to both.
type end uint

const (
	endOfAnswer end = 1 << iota
	nextObject
)

// add adds a sequence.
func (p *phrase) add(ids []int32, e end) {
	for _, id := range ids {
		i, found := slices.BinarySearch(p.ids, id)
		if !found {
			p.ids = slices.Insert(p.ids, i, id)
			p.below = slices.Insert(p.below, i, &phrase{})
		}
		p = p.below[i]
	}
	p.ends |= e
}

// after is the place after an id, nil if it may not come.
func (p *phrase) after(id int32) *phrase {
	if i, found := slices.BinarySearch(p.ids, id); found {
		return p.below[i]
	}
	return nil
}

// next is what may come next within a sequence.
func (p *phrase) next() []Range {
	var all []Range
	for _, id := range p.ids {
		all = append(all, one(id))
	}
	return all
}

func one(id int32) Range { return Range{id, id + 1} }

// ranges puts ranges that do not overlap in order, and joins neighbours.
func ranges(all ...Range) []Range {
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	joined := all[:0]
	for _, r := range all {
		if n := len(joined); n > 0 && joined[n-1].Last == r.First {
			joined[n-1].Last = r.Last
		} else {
			joined = append(joined, r)
		}
	}
	return joined
}
