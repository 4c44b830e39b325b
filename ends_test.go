package paligemma

import (
	"slices"
	"testing"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// always is a grammar whose only token is one that never changes.
type always struct{ id int32 }

func (a always) Start(grammar.Vocabulary) (grammar.State, error) { return a, nil }
func (a always) Allowed() []grammar.Range                        { return grammar.Ranges(a.id) }
func (a always) Next(int32) grammar.State                        { return a }

// TestOtherEnds: a piece that the file names as an end ends an answer as <eos> does,
// unless <eos> is forbidden or a grammar decides.
func TestOtherEnds(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{})
	plain, err := s.Run(t.Context(), images, q.prompt, &Sampling{MaxTokens: 3, AllowRepeats: true})
	must(t, err)
	end := plain.Tokens[2].ID
	if slices.Contains(ids(plain.Tokens[:2]), end) {
		t.Fatalf("the answer %v needs other tokens", ids(plain.Tokens))
	}
	p := testmodel.OracleParts(t, "pg1-a")
	p.Keys = append(p.Keys, "tokenizer.paligemma.end_ids")
	p.Values["tokenizer.paligemma.end_ids"] = []int32{end}
	m := openParts(t, p, Options{})
	s, images = newSession(t, m), encodeAll(t, m, q.pictures)
	for _, c := range []struct {
		name string
		sm   Sampling
		n    int
		stop Stop
	}{
		{"the end", Sampling{MaxTokens: 3}, 2, StopEOS},
		{"an answer that may not end", Sampling{MaxTokens: 3, Forbidden: []int32{m.EOS()}}, 3, StopLength},
		{"a grammar", Sampling{MaxTokens: 3, Grammar: always{end}}, 3, StopLength},
	} {
		r, err := s.Run(t.Context(), images, q.prompt, &c.sm)
		must(t, err)
		if len(r.Tokens) != c.n || r.Stop != c.stop {
			t.Errorf("%s: tokens %v, stopped for %q, want %d for %q", c.name, ids(r.Tokens), r.Stop, c.n, c.stop)
		}
	}
}
