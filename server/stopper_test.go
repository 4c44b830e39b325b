package server

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
)

// TestStopper compares with the plain definition: the answer ends before the first
// stop text that is complete, and its tokens are those that begin before that.
func TestStopper(t *testing.T) {
	for seed := range uint64(20000) {
		r := rand.New(rand.NewPCG(seed, 1))
		word := func(most int) string {
			b := make([]byte, r.IntN(most+1))
			for i := range b {
				b[i] = "ab"[r.IntN(2)]
			}
			return string(b)
		}
		s := stopper{}
		for range r.IntN(3) {
			s.texts = append(s.texts, word(3)+"a")
		}
		whole, text, n, ended := "", "", 0, false
		var starts []int
		for i := range 8 {
			tok := scored{Token: paligemma.Token{ID: int32(i), Text: word(2)}}
			starts = append(starts, len(whole))
			whole += tok.Text
			p, found := s.push(tok)
			text += p.text
			n += len(p.tokens)
			if ended = found; found {
				break
			}
		}
		if !ended {
			p := s.rest()
			text += p.text
			n += len(p.tokens)
		}
		want, cut := whole, false
		for _, stop := range s.texts {
			if i := strings.Index(whole, stop); i >= 0 && (!cut || i < len(want)) {
				want, cut = whole[:i], true
			}
		}
		tokens := 0
		for _, start := range starts {
			if start < len(want) || !cut {
				tokens++
			}
		}
		// Tokens without text where the answer is cut may count or not: they spell nothing.
		spare := 0
		for i, start := range starts {
			if end := i+1 == len(starts) || starts[i+1] == start; cut && start == len(want) && end {
				spare++
			}
		}
		if text != want || cut != ended || n < tokens || n > tokens+spare {
			t.Fatalf("seed %d: stops %q, %q gives %q and %d tokens, want %q and %d", seed, s.texts, whole, text, n, want, tokens)
		}
	}
}
