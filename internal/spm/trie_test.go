package spm

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestTrieFindsTheLongest of random strings of few letters, which overlap in every way, as a
// search at each place does.
func TestTrieFindsTheLongest(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 1))
	text := func(most int) string {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = "abc"[r.IntN(3)]
		}
		return string(b)
	}
	found := 0
	for range 2000 {
		var tokens trie
		var set []string
		for range r.IntN(6) {
			if s := text(5); s != "" {
				set = append(set, s)
				tokens.insert(s)
			}
		}
		tokens.link()
		in := text(30)
		got := tokens.longest(in)
		for i := range in {
			want := 0
			for _, s := range set {
				if strings.HasPrefix(in[i:], s) {
					want = max(want, len(s))
				}
			}
			found += want
			if (got == nil && want > 0) || (got != nil && int(got[i]) != want) {
				t.Fatalf("%q in %q: %v, want %d at %d", set, in, got, want, i)
			}
		}
	}
	if found == 0 {
		t.Error("nothing was to be found")
	}
}

// TestLongTokensTakeNoTime: a token of a file of strangers that a text nearly has, at every
// place. Looking for it at each would take a minute for 100 kB.
func TestLongTokensTakeNoTime(t *testing.T) {
	var tokens trie
	tokens.insert(strings.Repeat("a", 1<<16-1) + "b")
	tokens.insert("b" + strings.Repeat("a", 1<<16-1))
	tokens.insert(strings.Repeat("a", 1<<15))
	tokens.link()
	before := strings.Repeat("a", 1<<20)
	if got := tokens.longest(before + "b"); got[0] != 1<<15 || got[len(before)-1<<16+1] != 1<<16 || got[len(before)] != 0 {
		t.Error("the tokens are not found where they are")
	}
}
