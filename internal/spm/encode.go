package spm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// space stands for a space in pieces.
const space = '▁'

// Encode returns the ids of text, without bos and eos. Any text can be encoded;
// a byte that is not UTF-8 counts as U+FFFD. The time grows as n log n with the
// length of the text.
func (t *Tokenizer) Encode(text string) []int32 {
	if text == "" {
		return nil
	}
	if len(t.added) == 0 {
		return t.merge(nil, normalize(text))
	}
	var ids []int32
	token := func(id int32) { ids = append(ids, id) }
	t.raw.split(validate(text), token, func(text string) {
		t.spaced.split(normalize(text), token, func(text string) { ids = t.merge(ids, text) })
	})
	return ids
}

// Fewest returns a number of ids that Encode returns at least, and does not cut the text,
// which takes longer. Characters stay as many when the text is normalized, and no id
// stands for more of them than the longest piece has, except for added tokens that take
// the white space beside them: with these, white space does not count.
func (t *Tokenizer) Fewest(text string) int {
	n := 0
	if t.strips {
		for _, r := range text {
			if !unicode.IsSpace(r) {
				n++
			}
		}
	} else {
		n = utf8.RuneCountInString(text)
	}
	widest := max(1, t.widest)
	return (n + widest - 1) / widest
}

// merge appends the ids of a text without added tokens, normalized and not empty.
func (t *Tokenizer) merge(ids []int32, text string) []int32 {
	m := merger{t: t, text: text}
	m.split()
	for i := 1; i < len(m.symbols); i++ {
		m.propose(i-1, i)
	}
	for len(m.queue) > 0 {
		m.merge(m.queue.pop())
	}
	for i := 0; i >= 0; i = m.symbols[i].next {
		ids = m.appendIDs(ids, m.text[m.symbols[i].start:m.symbols[i].end])
	}
	return ids
}

// validate replaces each byte that is not part of a UTF-8 character by U+FFFD.
func validate(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}

// normalize replaces each byte that is not part of a UTF-8 character by U+FFFD
// and each space by "▁".
func normalize(text string) string {
	if !strings.Contains(text, " ") && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(text)/2)
	for _, r := range text {
		if r == ' ' {
			r = space
		}
		b.WriteRune(r)
	}
	return b.String()
}

// A merger is the state of one encoding.
type merger struct {
	t       *Tokenizer
	text    string // normalized, not empty
	symbols []symbol
	queue   queue
	// halves holds, for each unused piece that was a candidate, the length in
	// bytes of the left one of the two symbols that spelled it last.
	halves map[int32]int
}

// A symbol is text[start:end]: a character, a user-defined piece, or several
// characters after merging. A symbol merged into its left neighbour is empty.
type symbol struct {
	start, end int
	prev, next int  // neighbours in the text, -1 at the ends
	frozen     bool // a user-defined piece, not to be merged
}

// split cuts the text into its first symbols.
func (m *merger) split() {
	m.symbols = make([]symbol, 0, utf8.RuneCountInString(m.text))
	longest := m.t.userDefined.longest(m.text)
	for i := 0; i < len(m.text); {
		n := 0
		if longest != nil {
			n = int(longest[i])
		}
		frozen := n > 0
		if !frozen {
			_, n = utf8.DecodeRuneInString(m.text[i:])
		}
		k := len(m.symbols)
		m.symbols = append(m.symbols, symbol{i, i + n, k - 1, k + 1, frozen})
		i += n
	}
	m.symbols[len(m.symbols)-1].next = -1
}

// propose queues the pair of neighbours left and right if together they spell a
// piece.
func (m *merger) propose(left, right int) {
	if left < 0 || right < 0 || m.symbols[left].frozen || m.symbols[right].frozen {
		return
	}
	start, end := m.symbols[left].start, m.symbols[right].end
	if end-start > m.t.longest {
		return
	}
	id, ok := m.t.ids[m.text[start:end]]
	if !ok || !m.t.inText(id) {
		return
	}
	m.queue.push(pair{m.t.vocab.Scores[id], int32(end - start), left})
	if m.t.vocab.Types[id] == Unused {
		if m.halves == nil {
			m.halves = make(map[int32]int)
		}
		m.halves[id] = m.symbols[left].end - start
	}
}

// merge makes one symbol of a pair, unless one of the two has been merged with
// another symbol since the pair was queued: then the left one is gone, or it and
// its neighbour are longer than the pair was, for symbols only grow.
func (m *merger) merge(p pair) {
	left := &m.symbols[p.left]
	if left.start == left.end || left.next < 0 {
		return
	}
	right := &m.symbols[left.next]
	if right.end-left.start != int(p.size) {
		return
	}
	left.end, left.next = right.end, right.next
	right.start = right.end
	if left.next >= 0 {
		m.symbols[left.next].prev = p.left
	}
	m.propose(left.prev, p.left)
	m.propose(p.left, left.next)
}

// appendIDs appends the ids of one symbol: its own id, the ids of its two halves if
// it is an unused piece, or the ids of its bytes if it is not a piece.
func (m *merger) appendIDs(ids []int32, s string) []int32 {
	id, ok := m.t.ids[s]
	if !ok || !m.t.inText(id) {
		for i := range len(s) {
			ids = append(ids, m.t.byteIDs[s[i]])
		}
		return ids
	}
	if n, ok := m.halves[id]; ok {
		return m.appendIDs(m.appendIDs(ids, s[:n]), s[n:])
	}
	return append(ids, id)
}
