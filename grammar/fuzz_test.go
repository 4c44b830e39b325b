package grammar_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/locseg"
)

// FuzzGrammar follows grammars of any labels along any allowed tokens: each state
// keeps its promises, an answer that ends is one that was asked for, and other tokens
// are refused.
func FuzzGrammar(f *testing.F) {
	f.Add("cat\x00large cat", byte(0), []byte{1, 2, 200, 201, 5, 5, 5, 5, 0})
	f.Add("cat ; dog", byte(1), []byte{9})
	f.Add("große Katze\x00\u00a0x\x00", byte(2), []byte{3, 2, 1})
	f.Add("", byte(0), []byte{7, 7, 7, 7, 0})
	f.Add("▁", byte(0), []byte{1, 2, 200, 201, 5})
	m := readVocabulary(f, tokenizers[1], nil)
	f.Fuzz(func(t *testing.T, joined string, kind byte, path []byte) {
		var texts []string
		if joined != "" {
			texts = strings.Split(joined, "\x00")
		}
		var g grammar.Grammar
		switch kind % 3 {
		case 0:
			g = grammar.Boxes(texts...)
		case 1:
			g = grammar.Masks(texts...)
		default:
			g = grammar.OneOf(texts...)
		}
		s, err := g.Start(m)
		if err != nil {
			return
		}
		var ids []int32
		for i := 0; ; i++ {
			allowed := s.Allowed()
			if err := grammar.Check(allowed, m.Len()); err != nil {
				t.Fatalf("after %v: %v", ids, err)
			}
			refusesOthers(t, s, allowed, int32(m.Len()))
			all := slices.Collect(values(allowed))
			at := 0
			if i < len(path) {
				at = int(path[i]) * 7919 % len(all)
			}
			ends := slices.Contains(all, m.EOS())
			if i > len(path)+4*len(joined)+600 || ends && (i >= len(path) || all[at] == m.EOS()) {
				if !ends {
					t.Fatalf("no end after %d tokens", i)
				}
				break
			}
			ids = append(ids, all[at])
			if s, err = grammar.Advance(s, all[at]); err != nil {
				t.Fatalf("after %v, an allowed token: %v", ids, err)
			}
		}
		checkAnswer(t, m.Decode(ids), texts, kind%3)
	})
}

// values yields the ids of ranges.
func values(allowed []grammar.Range) func(func(int32) bool) {
	return func(yield func(int32) bool) {
		for _, id := range grammar.IDs(allowed) {
			if !yield(id) {
				return
			}
		}
	}
}

// refusesOthers tries the ids beside the allowed ones.
func refusesOthers(t *testing.T, s grammar.State, allowed []grammar.Range, size int32) {
	t.Helper()
	for i, r := range allowed {
		if _, err := grammar.Advance(s, r.First-1); err == nil && (i == 0 || allowed[i-1].Last < r.First) {
			t.Fatalf("id %d is not in %v, and taken", r.First-1, allowed)
		}
		if _, err := grammar.Advance(s, r.Last); err == nil && (i+1 == len(allowed) || allowed[i+1].First > r.Last) {
			t.Fatalf("id %d is not in %v, and taken", r.Last, allowed)
		}
	}
	for _, id := range []int32{-1, size, 1<<31 - 1, -1 << 31} {
		if _, err := grammar.Advance(s, id); err == nil {
			t.Fatalf("id %d of %d is taken", id, size)
		}
	}
}

// checkAnswer reads an answer that a grammar let end.
func checkAnswer(t *testing.T, text string, texts []string, kind byte) {
	t.Helper()
	if kind == 2 {
		if !slices.Contains(texts, text) {
			t.Errorf("answer %q, want one of %q", text, texts)
		}
		return
	}
	objects, problems := locseg.Parse(text)
	if len(problems) > 0 || len(objects) == 0 && text != "" {
		t.Fatalf("answer %q has %d objects, problems %+v", text, len(objects), problems)
	}
	for _, o := range objects {
		if (o.Codes != nil) != (kind == 1) || !slices.Contains(texts, o.Label) && (len(texts) > 0 || o.Label != "") {
			t.Errorf("object %+v of %q, want one of %q", o, text, texts)
		}
	}
}
