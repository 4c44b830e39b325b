package spm

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Tokenizer turns text into ids and back. It is immutable: any number of
// goroutines may use it at the same time.
type Tokenizer struct {
	vocab       Vocabulary
	ids         map[string]int32 // id of every piece
	byteIDs     [256]int32
	userDefined trie
	longest     int // length in bytes of the longest piece that merging can reach
	widest      int // characters of the longest piece that is found in a text

	// Of a vocabulary with added tokens: the tokens that are found in the text as
	// it is, Gemma's own among them, and those that are found once spaces are "▁".
	raw, spaced splitter
	added       map[int32]int32 // flags by id
	strips      bool            // some of them take white space, any amount of it
}

// New checks v and builds its tokenizer, which keeps v's slices: do not change
// them afterwards. The error names the piece, its value and what was expected.
func New(v Vocabulary) (*Tokenizer, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	t := &Tokenizer{vocab: v, ids: make(map[string]int32, len(v.Pieces)), added: map[int32]int32{}}
	for i, id := range v.Added {
		t.added[id] = v.AddedFlags[i]
		t.strips = t.strips || v.AddedFlags[i]&(lstrip|rstrip) != 0
	}
	for i, piece := range v.Pieces {
		id := int32(i)
		if first, found := t.ids[piece]; found {
			return nil, fmt.Errorf("spm: piece %q has two ids, %d and %d", piece, first, id)
		}
		t.ids[piece] = id
		if t.inText(id) {
			t.longest = max(t.longest, len(piece))
		}
		flags, added := t.added[id]
		if added || t.inText(id) {
			t.widest = max(t.widest, utf8.RuneCountInString(piece))
		}
		switch {
		case added && flags&normalized != 0:
			t.spaced.insert(strings.ReplaceAll(piece, " ", string(space)), id, flags)
		case added || len(t.added) > 0 && v.Types[id] == UserDefined:
			t.raw.insert(piece, id, flags)
		}
		switch v.Types[id] {
		case UserDefined:
			if !added {
				t.userDefined.insert(piece)
			}
		case Byte:
			b, _ := byteValue(piece) // checked above
			t.byteIDs[b] = id
		}
	}
	for _, tokens := range []*trie{&t.userDefined, &t.raw.tokens, &t.spaced.tokens} {
		tokens.link()
	}
	return t, nil
}

// Len returns the number of pieces; ids run from 0 to Len-1.
func (t *Tokenizer) Len() int { return len(t.vocab.Pieces) }

// BOS returns the id that starts a prompt.
func (t *Tokenizer) BOS() int32 { return t.vocab.BOS }

// EOS returns the id that ends an answer.
func (t *Tokenizer) EOS() int32 { return t.vocab.EOS }

// Ends returns the other ids that end an answer, ascending; the caller must not change
// them.
func (t *Tokenizer) Ends() []int32 { return t.vocab.Ends }

// PAD returns the id that fills a batch, or -1 if the vocabulary has none.
func (t *Tokenizer) PAD() int32 { return t.vocab.PAD }

// UNK returns the id of the unknown piece. Encode never returns it.
func (t *Tokenizer) UNK() int32 { return t.vocab.UNK }

// ID returns the id of a piece as it is spelled in the vocabulary: "▁cat", "<bos>",
// "<0x0A>". It is an exact look-up, not an encoding.
func (t *Tokenizer) ID(piece string) (int32, bool) {
	id, ok := t.ids[piece]
	return id, ok
}

// Piece returns the spelling of id in the vocabulary, the opposite of ID.
func (t *Tokenizer) Piece(id int32) (string, bool) {
	if !t.valid(id) {
		return "", false
	}
	return t.vocab.Pieces[id], true
}

// valid reports whether id is in the vocabulary.
func (t *Tokenizer) valid(id int32) bool { return id >= 0 && int(id) < len(t.vocab.Pieces) }

// inText reports whether merging can reach id. It cannot reach control, unknown
// and byte pieces: their spelling in a text is plain text. Nor can it reach added
// tokens that the vocabulary did not have before.
func (t *Tokenizer) inText(id int32) bool {
	if flags, added := t.added[id]; added {
		return flags&merged != 0
	}
	switch t.vocab.Types[id] {
	case Normal, UserDefined, Unused:
		return true
	}
	return false
}
