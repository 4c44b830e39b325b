package paligemma

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/models"
)

// TestHeadRows: ranges are whole in one run each, long ones aligned, close ones
// together, and too many are all.
func TestHeadRows(t *testing.T) {
	var many, wide []Range
	for i := range int32(300) {
		many = append(many, Range{i * 100, i*100 + 1})
		wide = append(wide, Range{i * 100, i*100 + 90}) // widened, they touch
	}
	const all = 257152
	for _, test := range []struct {
		allowed []Range
		want    []gemma.Rows
	}{
		{[]Range{{7, 8}}, []gemma.Rows{{First: 7, Len: 1}}},
		{[]Range{{256000, 257023}}, []gemma.Rows{{First: 256000, Len: 1024}}},
		{[]Range{{256300, 257024}}, []gemma.Rows{{First: 256256, Len: 768}}},
		{[]Range{{256900, 257024}}, []gemma.Rows{{First: 256768, Len: 256}}},
		{[]Range{{257010, 257024}}, []gemma.Rows{{First: 257010, Len: 14}}},
		{[]Range{{257024, all}}, []gemma.Rows{{First: 257024, Len: 128}}},
		{[]Range{{1, 2}, {256000, 257023}}, []gemma.Rows{{First: 1, Len: 1}, {First: 256000, Len: 1024}}},
		{[]Range{{1, 2}, {18, 19}, {36, 37}}, []gemma.Rows{{First: 1, Len: 18}, {First: 36, Len: 1}}},
		{[]Range{{250, 251}, {260, 700}, {705, 710}}, []gemma.Rows{{First: 250, Len: 518}}},
		{[]Range{{200, 201}, {300, 700}}, []gemma.Rows{{First: 200, Len: 1}, {First: 256, Len: 512}}},
		{[]Range{{250, 400}, {410, 420}, {510, 511}, {530, 531}}, []gemma.Rows{{First: 0, Len: 512}, {First: 530, Len: 1}}},
		{[]Range{{0, all}}, []gemma.Rows{{First: 0, Len: all}}},
		{many, []gemma.Rows{{First: 0, Len: all}}},
		{wide, []gemma.Rows{{First: 0, Len: 30208}}},
	} {
		if got := headRows(test.allowed, all, false); !slices.Equal(got, test.want) {
			t.Errorf("%v gives rows %v, want %v", test.allowed, got, test.want)
		}
		aligned := headRows(test.allowed, all, true)
		for _, r := range test.allowed {
			if !slices.ContainsFunc(aligned, func(a gemma.Rows) bool { return a.First <= int(r.First) && int(r.Last) <= a.First+a.Len }) {
				t.Errorf("%v gives aligned rows %v, without %v", test.allowed, aligned, r)
			}
		}
		for _, a := range aligned {
			if a.First%headAlign != 0 || a.First+a.Len > all {
				t.Errorf("%v gives aligned rows %v", test.allowed, aligned)
			}
		}
	}
}

// TestHead compares heads of random ranges with the head of all tokens, for
// each type of the embedding: the logits are equal, to the bit.
func TestHead(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	eachDoor(t, func(t *testing.T, e EngineOptions) {
		for _, name := range []string{"pg1-a", "pg2-b"} { // the second has a softcap
			for _, typ := range []string{"f32", "f16", "bf16", "q8_0", "q4_0"} {
				m := open(t, convertOracle(t, name, convert.Options{Type: typ, Engine: e.Library}), Options{Engine: e})
				s, q := newSession(t, m), readQuestion(t, name)
				must(t, s.Prefill(t.Context(), nil, q.prompt))
				all := logitsOf(t, s)
				for range 60 { // more heads than a session keeps
					allowed := randomRanges(r, m.cfg.Vocabulary)
					got, err := s.logits(t.Context(), allowed)
					must(t, err)
					for i, id := range each(allowed) {
						if len(got) > 1 && got[i] != all[id] {
							t.Fatalf("%s %s: %v: logit of token %d is %v, want %v", name, typ, allowed, id, got[i], all[id])
						}
					}
				}
				if len(s.heads) > mostHeads {
					t.Errorf("%d heads are kept, want at most %d", len(s.heads), mostHeads)
				}
			}
		}
	})
}

// randomRanges returns up to 9 ranges, short and long.
func randomRanges(r *rand.Rand, vocabulary int) (all []Range) {
	for at := r.IntN(vocabulary / 2); len(all) < 9; {
		first := at + r.IntN(40)
		last := first + 1 + r.IntN([]int{1, 30, 700}[r.IntN(3)])
		if last > vocabulary {
			break
		}
		all = append(all, Range{int32(first), int32(last)})
		at = last + 1
	}
	if len(all) == 0 {
		all = []Range{{3, int32(vocabulary)}}
	}
	return all
}

// TestFewRows counts the rows that a detection multiplies: those of the
// coordinates and of the ends of labels, none where only one token may come.
func TestFewRows(t *testing.T) {
	rec := &recorder{}
	s, q, images := asked(t, "pg1-a", Options{Trace: rec.trace})
	rec.take()
	for prompt, most := range map[Prompt]int{Detect("cat"): 1025 + 256, Segment("cat"): 1025 + 256} {
		r, err := s.Run(t.Context(), images, q.prompt, &Sampling{Grammar: prompt.Grammar(), MaxTokens: 60, Forbidden: []int32{s.model.EOS()}})
		must(t, err)
		computed := 0
		for _, tap := range rec.take() {
			if tap.name == "logits" {
				computed++
				if tap.shape[0] > most {
					t.Errorf("%q: a head of %d rows, want at most %d", prompt, tap.shape[0], most)
				}
			}
		}
		// Of a label's tokens none is a choice, but that after the last.
		if computed == 0 || computed >= len(r.Tokens) {
			t.Errorf("%q: %d heads for %d tokens", prompt, computed, len(r.Tokens))
		}
		if heads := len(s.heads); heads > 12 {
			t.Errorf("%q: %d shapes of heads", prompt, heads)
		}
	}
}

// masked answers as a grammar does, but by the head of all tokens: it forbids
// what the grammar does not allow, token by token.
func masked(t *testing.T, s *Session, images []*Image, p Prompt, sm Sampling) (answer []int32) {
	t.Helper()
	state, err := s.model.start(sm.Grammar, nil)
	must(t, err)
	must(t, s.Prefill(t.Context(), images, p))
	base := sm.Forbidden
	sm.Grammar = nil
	for range sm.MaxTokens {
		allowed := make([]bool, s.model.cfg.Vocabulary)
		for _, id := range each(state.Allowed()) {
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
		state, err = advance(state, next[0].ID)
		must(t, err)
	}
	return answer
}

// TestGrammarIsAMask compares answers with those of the head of all tokens
// under a mask: greedy and drawn, with every way to cut the draw.
func TestGrammarIsAMask(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg2-b"} {
		for _, typ := range []string{"f32", "q8_0"} {
			m := open(t, convertOracle(t, name, convert.Options{Type: typ}), Options{})
			s, q := newSession(t, m), readQuestion(t, name)
			images := encodeAll(t, m, q.pictures)
			for _, sm := range []Sampling{
				{},
				{Forbidden: []int32{m.EOS()}},
				{Temperature: 1, Seed: 1},
				{Temperature: 2, Seed: 2, TopK: 40},
				{Temperature: 1, Seed: 3, TopP: 0.9, Forbidden: []int32{m.EOS()}},
				{Temperature: 3, Seed: 4, MinP: 0.2},
			} {
				for _, g := range []Grammar{Boxes("cat", "red cat", "dog"), Masks("cat"), Boxes(), OneOf("yes", "no", "not yet")} {
					sm.Grammar, sm.MaxTokens = g, 24
					if _, words := g.(oneOf); words && slices.Contains(sm.Forbidden, m.EOS()) {
						continue // the end is the only way on
					}
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
		f := forms[n%len(forms)]
		r, err := s.Run(t.Context(), images, q.prompt, &Sampling{Temperature: 1, Seed: uint64(n), Grammar: f.grammar()})
		must(t, err)
		text := r.Text
		if r.Stop != StopEOS { // whole objects remain
			cut++
			text = text[:max(0, strings.LastIndex(text, " ; "))]
		}
		if err := f.check(text); err != nil {
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
	e := anyEngine(t)
	m, err := New(models.Tiny(), &Options{Engine: e, Threads: 1})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	s := newSession(t, m)
	kept := 0
	for _, name := range []string{"scene-05.jpg", "scene-21.jpg", "scene-44.jpg"} {
		images := encodeAll(t, m, []image.Image{demoPicture(t, m, name)})
		for _, form := range []form{
			{[]string{"circle"}, false}, {[]string{"star", "heart"}, false}, {[]string{"moon"}, false},
			{[]string{"square"}, true}, {[]string{"heart"}, true}, {[]string{"red circle"}, true},
		} {
			p := Detect(form.labels...)
			if form.masks {
				p = Segment(form.labels...)
			}
			free, err := s.Run(t.Context(), images, p, &Sampling{MaxTokens: 100})
			must(t, err)
			bound, err := s.Run(t.Context(), images, p, &Sampling{MaxTokens: 100, Grammar: p.Grammar()})
			must(t, err)
			if free.Stop == StopEOS && form.check(free.Text) == nil {
				kept++
				if bound.Text != free.Text || bound.Stop != StopEOS {
					t.Errorf("%s: %s: %q without the grammar, %q with it", name, p, free.Text, bound.Text)
				}
			}
			if err := form.check(bound.Text); err != nil && bound.Stop == StopEOS {
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
	sm := &Sampling{Grammar: Masks("red cat", "dog"), MaxTokens: 60, Temperature: 1, Seed: 5, Forbidden: []int32{s.model.EOS()}}
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
	eos, room := s.model.EOS(), 50-s.length
	for _, test := range []struct {
		sm   Sampling
		n    int
		stop Stop
	}{
		{Sampling{MaxTokens: 3, Forbidden: []int32{eos}}, 3, StopLength},
		{Sampling{Forbidden: []int32{eos}}, room, StopContext},
		{Sampling{MaxTokens: room + 1, Forbidden: []int32{eos}}, room, StopContext},
		{Sampling{Grammar: OneOf("")}, 0, StopEOS},
	} {
		if test.sm.Grammar == nil {
			test.sm.Grammar = Masks("cat")
		}
		r, err := s.Run(t.Context(), images, q.prompt, &test.sm)
		must(t, err)
		if len(r.Tokens) != test.n || r.Stop != test.stop || r.Text != s.model.Detokenize(ids(r.Tokens)) {
			t.Errorf("%+v: %d tokens, stopped for %q, want %d for %q", test.sm, len(r.Tokens), r.Stop, test.n, test.stop)
		}
	}
	// Forbidden can leave nothing.
	_, err := s.Run(t.Context(), images, q.prompt, &Sampling{Grammar: OneOf(""), Forbidden: []int32{eos}})
	if err == nil || !strings.Contains(err.Error(), "every token that may come next is forbidden") {
		t.Errorf("a grammar of forbidden tokens: %v", err)
	}
}

// TestGrammarRefusedFirst: a grammar that cannot work is refused before
// anything is computed.
func TestGrammarRefusedFirst(t *testing.T) {
	rec := &recorder{}
	s, q, images := asked(t, "pg1-a", Options{Trace: rec.trace})
	rec.take()
	sm := &Sampling{Grammar: Detect("a;<b").Grammar()}
	_, err := s.model.Run(t.Context(), q.pictures[0], q.prompt, sm)
	_, err2 := s.Run(t.Context(), images, q.prompt, sm)
	for _, err := range []error{err, err2} {
		if err == nil || !strings.Contains(err.Error(), `label "<b"`) {
			t.Errorf("error %v, want one with the label", err)
		}
	}
	for _, g := range []Grammar{faulty{state: faulty{}}, faulty{state: faulty{allowed: []Range{{0, 1 << 30}}}}} {
		if _, err := s.Run(t.Context(), images, q.prompt, &Sampling{Grammar: g}); err == nil || !strings.Contains(err.Error(), "grammar: ") {
			t.Errorf("a state that allows %v: %v", g.(faulty).state.Allowed(), err)
		}
	}
	rec.take()
	for _, err := range s.Tokens(t.Context(), sm) {
		if err == nil {
			t.Error("Tokens goes on")
		}
	}
	if taps := rec.take(); len(taps) > 0 {
		t.Errorf("computed %s", taps[0].name)
	}
}

// TestGrammarCancelled stops a head and goes on afterwards.
func TestGrammarCancelled(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{})
	sm := &Sampling{Grammar: Boxes("cat"), MaxTokens: 9, Forbidden: []int32{s.model.EOS()}}
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
