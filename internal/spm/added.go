package spm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An AddedToken is a token of a tokenizer.json's list added_tokens: it is cut
// out of a text before pieces are merged. Gemma's own user-defined and control
// pieces are in that list, and so are the tokens that a fine-tuning added.
type AddedToken struct {
	ID         int
	Content    string
	Special    bool // no text of its own when ids are decoded
	Normalized bool // found after spaces have become "▁", and after all tokens that are not
	LStrip     bool `json:"lstrip"`      // takes the white space before it
	RStrip     bool `json:"rstrip"`      // takes the white space after it
	SingleWord bool `json:"single_word"` // found between other characters than those of words only
}

// Flags of an added token, in a file's array of them.
const (
	normalized int32 = 1 << iota
	lstrip
	rstrip
	singleWord
	merged // merging makes this piece, too

	allFlags = merged<<1 - 1
)

func (a AddedToken) flags() (f int32) {
	for _, x := range []struct {
		set  bool
		flag int32
	}{{a.Normalized, normalized}, {a.LStrip, lstrip}, {a.RStrip, rstrip}, {a.SingleWord, singleWord}} {
		if x.set {
			f |= x.flag
		}
	}
	return f
}

// Add returns a copy of v with the tokens that a fine-tuning added. Tokens that v
// has as user-defined or control pieces already change nothing, unless there are
// others: then their flags count, too. Others are new pieces, whose ids must
// follow those of v, or normal pieces, which are no longer merged from their
// characters where they are found whole.
func (v Vocabulary) Add(tokens []AddedToken) (Vocabulary, error) {
	v.Pieces, v.Scores, v.Types = slices.Clone(v.Pieces), slices.Clone(v.Scores), slices.Clone(v.Types)
	tokens = slices.Clone(tokens)
	slices.SortFunc(tokens, func(a, b AddedToken) int { return cmp.Compare(a.ID, b.ID) })
	flags := map[int32]int32{}
	for i, id := range v.Added {
		flags[id] = v.AddedFlags[i]
	}
	changed := len(v.Added) > 0
	for _, t := range tokens {
		kind := UserDefined
		if t.Special || t.Content == ImagePiece {
			kind = Control
		}
		id, f := int32(t.ID), t.flags()
		_, before := flags[id]
		switch n := len(v.Pieces); {
		case t.ID < 0 || t.ID > n:
			return v, fmt.Errorf("spm: added token %.100q has id %d, but the vocabulary before it has %d pieces", t.Content, t.ID, n)
		case t.ID == n:
			v.Pieces, v.Scores, v.Types = append(v.Pieces, t.Content), append(v.Scores, 0), append(v.Types, kind)
			if t.Content != ImagePiece {
				changed = true
				flags[id] = f
			}
		case v.Pieces[id] != t.Content:
			return v, fmt.Errorf("spm: added token %.100q has id %d, which is the id of %.100q", t.Content, t.ID, v.Pieces[id])
		case before: // the later entry has the last word
			v.Types[id], flags[id] = kind, f|flags[id]&merged
		case v.Types[id] == Normal:
			changed = true
			v.Types[id], flags[id] = kind, f|merged
		case v.Types[id] == UserDefined && f != 0:
			flags[id] = f
		}
	}
	v.Added, v.AddedFlags = nil, nil
	for id, f := range flags {
		changed = changed || f&^normalized != 0
		v.Added = append(v.Added, id)
	}
	if !changed { // normalized alone matters where tokens overlap
		v.Added = nil
	}
	slices.Sort(v.Added)
	for _, id := range v.Added {
		v.AddedFlags = append(v.AddedFlags, flags[id])
	}
	return v, nil
}

// checkAdded reports the first entry of v.Added that cannot be.
func (v *Vocabulary) checkAdded() error {
	if len(v.Added) != len(v.AddedFlags) {
		return fmt.Errorf("spm: %d added tokens have %d flags", len(v.Added), len(v.AddedFlags))
	}
	last := int32(-1)
	for i, id := range v.Added {
		if id <= last || int(id) >= len(v.Pieces) {
			return fmt.Errorf("spm: added token %d has id %d, want one above %d and below %d", i, id, last, len(v.Pieces))
		}
		last = id
		if t := v.Types[id]; t != UserDefined && t != Control {
			return fmt.Errorf("spm: added token %.100q (id %d) has type %d, want %d or %d", v.Pieces[id], id, t, Control, UserDefined)
		}
		if f := v.AddedFlags[i]; f&^allFlags != 0 {
			return fmt.Errorf("spm: added token %.100q (id %d) has flags %d, want 0 to %d", v.Pieces[id], id, f, allFlags)
		}
	}
	return nil
}

// A splitter cuts added tokens out of a text.
type splitter struct {
	tokens trie
	found  map[string]foundToken // by the text that it is found by
}

type foundToken struct{ id, flags int32 }

func (s *splitter) insert(text string, id, flags int32) {
	if s.found == nil {
		s.found = map[string]foundToken{}
	}
	s.tokens.insert(text)
	s.found[text] = foundToken{id, flags}
}

// split calls token for each token in text and rest for the text between, in
// order. It follows find_matches of Hugging Face's tokenizers, added_vocabulary.rs,
// also in this: a token within the white space that the one before has taken is
// found nevertheless, and the text behind it is read again.
func (s *splitter) split(text string, token func(id int32), rest func(string)) {
	longest := s.tokens.longest(text) // empty if there are none
	done := 0
	blank := blanks{text: text, is: unicode.IsSpace}
	for i := 0; i < len(longest); {
		n := int(longest[i])
		if n == 0 {
			i++
			continue
		}
		start, stop := i, i+n
		i = stop
		t := s.found[text[start:stop]]
		if t.flags&singleWord != 0 && (isWord(utf8.DecodeLastRuneInString(text[:start])) || isWord(utf8.DecodeRuneInString(text[stop:]))) {
			continue
		}
		if t.flags&lstrip != 0 {
			start = blank.before(start)
		}
		if t.flags&rstrip != 0 {
			stop = blank.behind(stop)
		}
		if done < start {
			rest(text[done:start])
		}
		token(t.id)
		done = stop
	}
	if done < len(text) {
		rest(text[done:])
	}
}

// A blanks finds the white space around places of a text, which come in order and are
// starts of characters. Many may be within one run of white space, so it remembers
// how far it has read, and reads nothing twice.
type blanks struct {
	text        string
	is          func(rune) bool // white space
	place, left int             // the white space before place starts at left
	right       int             // the run behind the last place that was read ends here
}

// before returns the start of the white space that ends at place i.
func (b *blanks) before(i int) int {
	left := b.place + len(strings.TrimRightFunc(b.text[b.place:i], b.is))
	if left == b.place {
		left = b.left
	}
	b.place, b.left = i, left
	return left
}

// behind returns the end of the white space that starts at place i.
func (b *blanks) behind(i int) int {
	if i > b.right {
		b.right = len(b.text) - len(strings.TrimLeftFunc(b.text[i:], b.is))
	}
	return b.right
}

// isWord reports whether r is a character of words, \w of Unicode's regular
// expressions (UTS 18). size is 0 at an end of the text.
func isWord(r rune, size int) bool {
	return size > 0 && unicode.In(r, unicode.L, unicode.Nl, unicode.M, unicode.Nd, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
