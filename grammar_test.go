package paligemma

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
	"github.com/pgcli/paligemma/models"
)

// masked answers as a grammar does, but by the head of all tokens: it forbids
// what the grammar does not allow, token by token.
func masked(t *testing.T, s *Session, images []*Image, p Prompt, sm Sampling) (answer []int32) {
	t.Helper()
	state, err := grammar.Resume(sm.Grammar, s.model, nil)
	must(t, err)
	must(t, s.Prefill(t.Context(), images, p))
	base := sm.Forbidden
	sm.Grammar = nil
	for range sm.MaxTokens {
		allowed := make([]bool, s.model.cfg.Vocabulary)
		for _, id := range grammar.IDs(state.Allowed()) {
			allowed[id] = true
		}
		sm.Forbidden = slices.Clone(base)
		for id, ok := range allowed {
			if !ok {
				sm.Forbidden = append(sm.Forbidden, int32(id))
			}
		}
		next := collect(t, s, &sm, 1)
		if len(next) == 0 {
			break
		}
		answer = append(answer, next[0].ID)
		state, err = grammar.Advance(state, next[0].ID)
		must(t, err)
	}
	return answer
}

// TestGrammarIsAMask compares answers with those of the head of all tokens
// under a mask: greedy and drawn, with every way to cut the draw.
func TestGrammarIsAMask(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg2-b"} {
		for _, typ := range []string{"f32", "q8_0"} {
			m := open(t, testmodel.Convert(t, name, convert.Options{Type: typ}), Options{})
			s, q := newSession(t, m), readQuestion(t, name)
			images := encodeAll(t, m, q.pictures)
			for i, sm := range []Sampling{
				{},
				{Forbidden: []int32{m.EOS()}},
				{Temperature: 1, Seed: 1},
				{Temperature: 2, Seed: 2, TopK: 40},
				{Temperature: 1, Seed: 3, TopP: 0.9, Forbidden: []int32{m.EOS()}},
				{Temperature: 3, Seed: 4, MinP: 0.2},
			} {
				if !testrace.Chosen(i) {
					continue
				}
				grammars := []grammar.Grammar{grammar.Boxes("cat", "red cat", "dog"), grammar.Masks("cat"), grammar.Boxes()}
				if !slices.Contains(sm.Forbidden, m.EOS()) { // after a text the end is the only way on
					grammars = append(grammars, grammar.OneOf("yes", "no", "not yet"))
				}
				for _, g := range grammars {
					sm.Grammar, sm.MaxTokens = g, 24
					got, want := answer(t, s, images, q.prompt, &sm), masked(t, s, images, q.prompt, sm)
					if !slices.Equal(got, want) {
						t.Errorf("%s %s: %+v:\n%q, want\n%q", name, typ, sm, m.Detokenize(got), m.Detokenize(want))
					}
				}
			}
		}
	}
}

// TestSamples draws answers from a tiny model at temperature 1: none is
// malformed. PALIGEMMA_TEST_SAMPLES sets how many.
func TestSamples(t *testing.T) {
	count := 40
	if v := os.Getenv("PALIGEMMA_TEST_SAMPLES"); v != "" {
		if _, err := fmt.Sscan(v, &count); err != nil {
			t.Fatalf("PALIGEMMA_TEST_SAMPLES is %q: %v", v, err)
		}
	}
	s, q, images := asked(t, "pg1-a", Options{Context: 400})
	objects, empty, cut := 0, 0, 0
	for n := range count {
		f := testmodel.Forms[n%len(testmodel.Forms)]
		r, err := s.Run(t.Context(), images, q.prompt, &Sampling{Temperature: 1, Seed: uint64(n), Grammar: f.Grammar()})
		must(t, err)
		text := r.Text
		if r.Stop != StopEOS { // whole objects remain
			cut++
			text = text[:max(0, strings.LastIndex(text, " ; "))]
		}
		if err := f.Check(text); err != nil {
			t.Errorf("answer %d: %v", n, err)
		}
		if want := s.model.Tokenize(r.Text); !slices.Equal(ids(r.Tokens), want) {
			t.Errorf("answer %d: tokens of %q are %v, want %v", n, r.Text, ids(r.Tokens), want)
		}
		if r.Stop == StopEOS && len(r.Problems) > 0 {
			t.Errorf("answer %d: %+v", n, r.Problems)
		}
		if objects += len(r.Objects); text == "" {
			empty++
		}
	}
	t.Logf("%d answers: %d objects, %d answers without any, %d cut short by the context", count, objects, empty, cut)
	if objects < count {
		t.Errorf("%d answers have only %d objects", count, objects)
	}
}

// TestGrammarKeepsAnswers asks the embedded model, which is trained, with and
// without a grammar: an answer that was well-formed stays as it was.
func TestGrammarKeepsAnswers(t *testing.T) {
	testrace.Sequential(t)
	e := anyEngine(t)
	m, err := New(models.Tiny(), &Options{Engine: e, Threads: 1})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	s := newSession(t, m)
	kept := 0
	for _, name := range []string{"scene-05.jpg", "scene-21.jpg", "scene-44.jpg"} {
		images := encodeAll(t, m, []image.Image{demoPicture(t, m, name)})
		for _, form := range []testmodel.Form{
			{Labels: []string{"circle"}}, {Labels: []string{"star", "heart"}}, {Labels: []string{"moon"}},
			{Labels: []string{"square"}, Masks: true}, {Labels: []string{"heart"}, Masks: true}, {Labels: []string{"red circle"}, Masks: true},
		} {
			p := Detect(form.Labels...)
			if form.Masks {
				p = Segment(form.Labels...)
			}
			free, err := s.Run(t.Context(), images, p, &Sampling{MaxTokens: 100, AnyText: true})
			must(t, err)
			bound, err := s.Run(t.Context(), images, p, &Sampling{MaxTokens: 100, Grammar: p.Grammar()})
			must(t, err)
			if free.Stop == StopEOS && form.Check(free.Text) == nil {
				kept++
				if bound.Text != free.Text || bound.Stop != StopEOS {
					t.Errorf("%s: %s: %q without the grammar, %q with it", name, p, free.Text, bound.Text)
				}
			}
			if err := form.Check(bound.Text); err != nil && bound.Stop == StopEOS {
				t.Errorf("%s: %s: %v", name, p, err)
			}
		}
	}
	if kept < 9 {
		t.Errorf("only %d of 18 answers are well-formed without the grammar", kept)
	}
	t.Logf("%d of 18 answers are well-formed without the grammar", kept)
}

// TestGrammarInParts leaves the loop after every few tokens, within boxes and
// labels: the state is that of the answer so far.
func TestGrammarInParts(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{})
	sm := &Sampling{Grammar: grammar.Masks("red cat", "dog"), MaxTokens: 60, Temperature: 1, Seed: 5, Forbidden: []int32{s.model.EOS()}}
	whole := answer(t, s, images, q.prompt, sm)
	must(t, s.Prefill(t.Context(), images, q.prompt))
	var parts []int32
	for _, n := range []int{1, 2, 3, 13, 2, 1, 1, 3, 34} {
		parts = append(parts, ids(collect(t, s, sm, n))...)
	}
	if !slices.Equal(parts, whole) || len(whole) != 60 {
		t.Errorf("parts give %v, one loop %v", parts, whole)
	}
	// An answer that began otherwise cannot go on so.
	must(t, s.Prefill(t.Context(), images, q.prompt))
	first := collect(t, s, &Sampling{Forbidden: only(s, s.model.Tokenize("cat")[0])}, 1)
	for x, err := range s.Tokens(t.Context(), sm) {
		want := fmt.Sprintf("answer so far, token 0: grammar: token %d is not allowed", first[0].ID)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v, want an error with %q", x, err, want)
		}
	}
	collect(t, s, nil, 1) // without the grammar it can
}

// TestGrammarStops: a limit ends an answer wherever it is, and the part of an
// object is text.
func TestGrammarStops(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{Context: 50})
	eos, room := s.model.EOS(), 50-s.sequence.Len()
	for _, test := range []struct {
		sm   Sampling
		n    int
		stop Stop
	}{
		{Sampling{MaxTokens: 3, Forbidden: []int32{eos}}, 3, StopLength},
		{Sampling{Forbidden: []int32{eos}}, room, StopContext},
		{Sampling{MaxTokens: room + 1, Forbidden: []int32{eos}}, room, StopContext},
		{Sampling{Grammar: grammar.OneOf("")}, 0, StopEOS},
	} {
		if test.sm.Grammar == nil {
			test.sm.Grammar = grammar.Masks("cat")
		}
		r, err := s.Run(t.Context(), images, q.prompt, &test.sm)
		must(t, err)
		if len(r.Tokens) != test.n || r.Stop != test.stop || r.Text != s.model.Detokenize(ids(r.Tokens)) {
			t.Errorf("%+v: %d tokens, stopped for %q, want %d for %q", test.sm, len(r.Tokens), r.Stop, test.n, test.stop)
		}
	}
	// Forbidden can leave nothing.
	_, err := s.Run(t.Context(), images, q.prompt, &Sampling{Grammar: grammar.OneOf(""), Forbidden: []int32{eos}})
	if !errors.Is(err, ErrSampling) || !strings.Contains(err.Error(), "every token that may come next is forbidden") {
		t.Errorf("a grammar of forbidden tokens: %v", err)
	}
}

// TestGrammarRefusedFirst: a grammar that cannot work is refused before
// anything is computed.
func TestGrammarRefusedFirst(t *testing.T) {
	rec := &testmodel.Recorder{}
	s, q, images := asked(t, "pg1-a", Options{Trace: rec.Trace})
	rec.Take()
	sm := &Sampling{Grammar: Detect("a;<b").Grammar()}
	_, err := s.model.Run(t.Context(), q.pictures[0], q.prompt, sm)
	_, err2 := s.Run(t.Context(), images, q.prompt, sm)
	for _, err := range []error{err, err2} {
		if err == nil || !strings.Contains(err.Error(), `names "a;<b"`) {
			t.Errorf("error %v, want one with the label", err)
		}
	}
	for _, g := range []grammar.Grammar{faulty{state: faulty{}}, faulty{state: faulty{allowed: []grammar.Range{{Last: 1 << 30}}}}} {
		if _, err := s.Run(t.Context(), images, q.prompt, &Sampling{Grammar: g}); err == nil || !strings.Contains(err.Error(), "grammar: ") {
			t.Errorf("a state that allows %v: %v", g.(faulty).state.Allowed(), err)
		}
	}
	rec.Take()
	for _, err := range s.Tokens(t.Context(), sm) {
		if err == nil {
			t.Error("Tokens goes on")
		}
	}
	if taps := rec.Take(); len(taps) > 0 {
		t.Errorf("computed %s", taps[0].Name)
	}
}

// TestGrammarCancelled stops a head and goes on afterwards.
func TestGrammarCancelled(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{})
	sm := &Sampling{Grammar: grammar.Boxes("cat"), MaxTokens: 9, Forbidden: []int32{s.model.EOS()}}
	want := answer(t, s, images, q.prompt, sm)
	must(t, s.Prefill(t.Context(), images, q.prompt))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.Tokens(ended, sm) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
	}
	if got := ids(collect(t, s, sm, 99)); !slices.Equal(got, want) {
		t.Errorf("after it %v, want %v", got, want)
	}
}
