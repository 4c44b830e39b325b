package spm

import (
	"strings"
	"unicode/utf8"
)

// unknownText is the text of the unknown piece: a double question mark between
// spaces, SentencePiece's unk_surface.
const unknownText = " ⁇ "

// Decode returns the text of ids. Control pieces have no text; an id that is
// unknown or outside the vocabulary becomes " ⁇ ". Each byte that is not part of a
// UTF-8 character becomes U+FFFD. The result is valid UTF-8.
func (t *Tokenizer) Decode(ids []int32) string {
	var b strings.Builder
	s := t.Stream()
	for _, id := range ids {
		b.WriteString(s.Push(id))
	}
	b.WriteString(s.Flush())
	return b.String()
}

// A Stream decodes ids as they come. The parts that Push and the final Flush return
// make up the text that Decode returns for all the ids, and every part is valid
// UTF-8. A Stream is not safe for concurrent use.
type Stream struct {
	t       *Tokenizer
	pending []byte // start of a character: fewer than utf8.UTFMax bytes
}

// Stream starts the decoding of a new sequence.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// Push returns the text that id completes: the piece, or nothing while the
// bytes so far are only the start of a character.
func (s *Stream) Push(id int32) string {
	if !s.t.valid(id) {
		return s.Flush() + unknownText
	}
	piece := s.t.vocab.Pieces[id]
	switch s.t.vocab.Types[id] {
	case Byte:
		b, _ := byteValue(piece) // checked by New
		s.pending = append(s.pending, b)
		return s.take(false)
	case Control:
		return s.Flush() // the bytes around it belong to two characters
	case Unknown:
		return s.Flush() + unknownText
	}
	return s.Flush() + strings.ReplaceAll(piece, string(space), " ")
}

// Flush ends the sequence: each byte of an incomplete character becomes U+FFFD. The
// Stream is then as new.
func (s *Stream) Flush() string { return s.take(true) }

// take removes from the pending bytes all characters and all bytes that cannot
// start one, and returns their text. At the end of a run of bytes it takes all,
// since nothing more can follow.
func (s *Stream) take(end bool) string {
	var text []byte
	for len(s.pending) > 0 && (end || utf8.FullRune(s.pending)) {
		r, n := utf8.DecodeRune(s.pending)
		text = utf8.AppendRune(text, r)
		s.pending = s.pending[n:]
	}
	return string(text)
}
