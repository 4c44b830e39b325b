package grammar_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/sample"
	"github.com/pgcli/paligemma/internal/spm"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
)

// tokenizers are files with Gemma's layout: the embedded model's and one of the
// oracle's.
var tokenizers = []string{testmodel.Path("models/tiny/tokenizer.model"), testmodel.Oracle("pg1-a", "tokenizer.model")}

// A vocabulary is a tokenizer without a model.
type vocabulary struct{ *spm.Tokenizer }

func (v vocabulary) Tokenize(text string) []int32 { return v.Encode(text) }

// readVocabulary reads a tokenizer, whose pieces spoil may change first.
func readVocabulary(t testing.TB, file string, spoil func(*spm.Vocabulary)) vocabulary {
	t.Helper()
	v, err := spm.ParseModel(testmodel.Read(t, file))
	must(t, err)
	if v.Pieces[len(v.Pieces)-1] != "<image>" {
		v, err = v.Extend(true)
		must(t, err)
	}
	if spoil != nil {
		spoil(&v)
	}
	tok, err := spm.New(v)
	must(t, err)
	return vocabulary{tok}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// accepts reports the first place at which a grammar does not allow an answer
// that ends.
func accepts(m vocabulary, g grammar.Grammar, answer []int32) error {
	s, err := grammar.Resume(g, m, answer)
	if err == nil {
		_, err = grammar.Advance(endable{s}, m.EOS())
	}
	return err
}

// endable has a state after <eos>.
type endable struct{ grammar.State }

func (e endable) Next(int32) grammar.State { return e }

// TestAllowsEveryTokenizedAnswer writes random well-formed answers and cuts them
// into tokens as training does: the grammar allows each of them.
func TestAllowsEveryTokenizedAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, file := range tokenizers {
		m := readVocabulary(t, file, nil)
		for _, f := range testmodel.Forms {
			for range testrace.Share(200) {
				text := f.Spell(r, r.IntN(4))
				must(t, f.Check(text))
				if err := accepts(m, f.Grammar(), m.Tokenize(text)); err != nil {
					t.Fatalf("%s: %+v: %q: %v", file, f, text, err)
				}
			}
		}
	}
}

// TestAllowsNothingElse samples 10,000 answers from random logits at
// temperature 1. None is malformed, each is cut into tokens as the tokenizer
// cuts its text, and every choice is that of all logits with the rest masked.
func TestAllowsNothingElse(t *testing.T) {
	testrace.Sequential(t)
	r := rand.New(rand.NewPCG(2, 2))
	models := []vocabulary{readVocabulary(t, tokenizers[0], nil), readVocabulary(t, tokenizers[1], nil)}
	longest := 0
	for n := range 10_000 {
		m, f := models[n%2], testmodel.Forms[n/2%len(testmodel.Forms)]
		answer := sampleAnswer(t, r, m, f.Grammar(), sample.Options{Temperature: 1, Seed: uint64(n)}, n < 40)
		text := m.Decode(answer)
		if err := f.Check(text); err != nil {
			t.Fatalf("answer %d: %v", n, err)
		}
		if want := m.Tokenize(text); !slices.Equal(answer, want) {
			t.Fatalf("answer %d: %q has tokens %v, want %v", n, text, answer, want)
		}
		longest = max(longest, strings.Count(text, " ; ")+1)
	}
	if longest < 5 {
		t.Errorf("no answer has more than %d objects", longest)
	}
}

// sampleAnswer chooses by random logits until <eos>.
func sampleAnswer(t *testing.T, r *rand.Rand, m vocabulary, g grammar.Grammar, sm sample.Options, compare bool) (answer []int32) {
	t.Helper()
	state, err := grammar.Resume(g, m, nil)
	must(t, err)
	logits := make([]float32, m.Len())
	sampler := sample.New(sm)
	var some []float32
	for {
		must(t, grammar.Check(state.Allowed(), m.Len()))
		some = some[:0]
		for _, id := range grammar.IDs(state.Allowed()) {
			logits[id] = float32(r.NormFloat64())
			some = append(some, logits[id])
		}
		i, id, err := sampler.Choose(some, state.Allowed(), len(answer))
		must(t, err)
		if compare {
			compareMasked(t, sm, logits, some, state.Allowed(), len(answer), id, some[i]-sample.LogSumExp(some))
		}
		if id == m.EOS() {
			return answer
		}
		answer = append(answer, id)
		state, err = grammar.Advance(state, id)
		must(t, err)
	}
}

// compareMasked wants what the sampler chooses of all logits when what the
// grammar does not allow is forbidden, however likely; greedy as well.
func compareMasked(t *testing.T, sm sample.Options, logits, some []float32, allowed []grammar.Range, n int, id int32, logProb float32) {
	t.Helper()
	masked := slices.Repeat([]float32{float32(math.Inf(-1))}, len(logits))
	all := slices.Repeat([]float32{5}, len(logits))
	for i, id := range grammar.IDs(allowed) {
		masked[id], all[id] = some[i], some[i]
	}
	if len(some) < 99 || n%16 == 0 { // the sampler takes its time over long lists
		for i, v := range masked {
			if math.IsInf(float64(v), -1) {
				sm.Forbidden = append(sm.Forbidden, int32(i))
			}
		}
		_, want, err := sample.New(sm).Choose(all, grammar.All(len(all)), n)
		must(t, err)
		if id != want {
			t.Fatalf("token %d: drawn %d, want %d", n, id, want)
		}
	}
	_, greedy, err := sample.New(sample.Options{}).Choose(some, allowed, n)
	must(t, err)
	if want := int32(slices.Index(masked, slices.Max(masked))); greedy != want {
		t.Fatalf("token %d: greedy %d, want %d", n, greedy, want)
	}
	if want := masked[id] - sample.LogSumExp(masked); logProb != want {
		t.Fatalf("token %d: log-probability %v, want %v", n, logProb, want)
	}
}

// TestRefusesAtTheWrongToken gives answers that break each rule, at the token that does.
func TestRefusesAtTheWrongToken(t *testing.T) {
	m := readVocabulary(t, tokenizers[0], nil)
	const box, codes = "<loc0001><loc0002><loc0003><loc0004>", "<seg000><seg001><seg002><seg003><seg004><seg005><seg006><seg007>" +
		"<seg008><seg009><seg010><seg011><seg012><seg013><seg014><seg127>"
	boxes, masks := grammar.Boxes("circle", "sign"), grammar.Masks("circle")
	for _, test := range []struct {
		g    grammar.Grammar
		text string
		at   int // token that is not allowed; -1 for none
	}{
		{boxes, "", -1},
		{boxes, box + " circle", -1},
		{boxes, box + " circle ; " + box + " sign", -1},
		{boxes, "<loc1022><loc1022><loc1023><loc1023> sign", -1},
		{masks, box + codes + " circle", -1},
		{boxes, "circle", 0},
		{boxes, " circle", 0},
		{boxes, "<seg000>", 0},
		{boxes, "<loc1023>", 0},
		{boxes, "<loc0000><loc1023>", 1},
		{boxes, "<loc0005><loc0000><loc0005>", 2},
		{boxes, "<loc0005><loc0000><loc0004>", 2},
		{boxes, "<loc0005><loc0007><loc0006><loc0007>", 3},
		{boxes, "<loc0005><loc0007><loc0006><loc0006>", 3},
		{boxes, box[:27], 3}, // ends within a box
		{boxes, box, 4},      // without a label
		{boxes, box + "<loc0005>", 4},
		{boxes, box + "<seg000>", 4},
		{boxes, box + "circle", 4},
		{boxes, box + " square", 4},
		{boxes, box + " circle ; ", 7},
		{boxes, box + " circle ;", 6},
		{masks, box + " circle", 4},
		{masks, box + codes[:120] + " circle", 19},
		{masks, box + codes + "<seg000>", 20},
		{masks, box + codes + " sign", 20},
		{grammar.OneOf("a", "a b"), "a b", -1},
		{grammar.OneOf("a", "a b"), "a", -1},
		{grammar.OneOf("a", ""), "", -1},
		{grammar.OneOf("a", "a b"), "", 0},
		{grammar.OneOf("a", "a b"), "b", 0},
	} {
		ids := m.Tokenize(test.text)
		err := accepts(m, test.g, ids)
		switch want := ""; {
		case test.at < 0 && err == nil:
		case test.at < 0:
			t.Errorf("%q: %v", test.text, err)
		default:
			if want = fmt.Sprintf("token %d: grammar: token ", test.at); test.at == len(ids) {
				want = fmt.Sprintf("token %d is not allowed", m.EOS())
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q, tokens %v: error %v, want one with %q", test.text, ids, err, want)
			}
		}
	}
}

// TestErrorsNameTheValue wants an error that names the value, before anything is
// computed.
func TestErrorsNameTheValue(t *testing.T) {
	m := readVocabulary(t, tokenizers[0], nil)
	for want, g := range map[string]grammar.Grammar{
		`label "" is empty`:                grammar.Boxes(""),
		`label " cat" is empty, or begins`: grammar.Boxes("dog", " cat"),
		`label "cat\n" is empty, or`:       grammar.Masks("cat\n"),
		`label "a;b": want`:                grammar.Boxes("a;b"),
		`label "<loc0001>": want`:          grammar.Masks("<loc0001>"),
		`label "a>b": want`:                grammar.Boxes("a>b"),
		`label "a\nb": want`:               grammar.Boxes("a\nb"),
		`label "a\xff": want UTF-8`:        grammar.Boxes("a\xff"),
		`OneOf has no texts`:               grammar.OneOf(),
		`text "\xff" is not UTF-8`:         grammar.OneOf("a", "\xff"),
		`text "a▁b" holds '▁' (U+2581)`:    grammar.OneOf("a▁b"),
		`label "▁" holds '▁' (U+2581)`:     grammar.Boxes("▁"),
		`no first state`:                   faulty{},
	} {
		if _, err := grammar.Resume(g, m, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", g, err, want)
		}
	}
	bare := readVocabulary(t, tokenizers[0], func(v *spm.Vocabulary) {
		v.Pieces[slices.Index(v.Pieces, "<seg127>")] = "<other>"
	})
	_, err := grammar.Resume(grammar.Boxes("cat"), bare, nil)
	if err == nil || !strings.Contains(err.Error(), "the vocabulary has no piece <seg127>") {
		t.Errorf("a vocabulary without <seg127>: %v", err)
	}
	_, err = grammar.Resume(grammar.OneOf("cat"), bare, nil)
	must(t, err)
}

// faulty is a grammar, and a state, that promises nothing.
type faulty struct {
	state   grammar.State
	allowed []grammar.Range
}

func (f faulty) Start(grammar.Vocabulary) (grammar.State, error) { return f.state, nil }
func (f faulty) Allowed() []grammar.Range                        { return f.allowed }
func (f faulty) Next(int32) grammar.State                        { return nil }

// TestFaultyGrammars never lets a program's own grammar reach the engine.
func TestFaultyGrammars(t *testing.T) {
	for want, allowed := range map[string][]grammar.Range{
		"no token is allowed":      nil,
		"allowed ids [5, 5)":       testmodel.Ranges(5, 5),
		"allowed ids [-1, 5)":      testmodel.Ranges(-1, 5),
		"allowed ids [7, 6)":       testmodel.Ranges(7, 6),
		"allowed ids [99, 101)":    testmodel.Ranges(0, 1, 99, 101),
		"allowed ids [4, 6) after": testmodel.Ranges(0, 5, 4, 6),
	} {
		if err := grammar.Check(allowed, 100); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one with %q", allowed, err, want)
		}
	}
	must(t, grammar.Check(testmodel.Ranges(0, 1, 1, 2, 50, 100), 100))
	if _, err := grammar.Advance(faulty{allowed: testmodel.Ranges(3, 4)}, 3); err == nil || !strings.Contains(err.Error(), "no state after token 3") {
		t.Errorf("a state without a next: %v", err)
	}
}
