package paligemma

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/spm"
)

// tokenizers are files with Gemma's layout: the embedded model's and one of the
// oracle's.
var tokenizers = []string{"models/tiny/tokenizer.model", "testdata/oracle/pg1-a/tokenizer.model"}

// withoutWeights is a model that has a tokenizer only, of which spoil may
// change the pieces first.
func withoutWeights(t testing.TB, tokenizer string, spoil func(*spm.Vocabulary)) *Model {
	t.Helper()
	v, err := spm.ParseModel(readFile(t, tokenizer))
	must(t, err)
	if v.Pieces[len(v.Pieces)-1] != "<image>" {
		v, err = v.Extend(true)
		must(t, err)
	}
	if spoil != nil {
		spoil(&v)
	}
	m := &Model{}
	m.tok, err = spm.New(v)
	must(t, err)
	m.locseg = sync.OnceValues(func() (locseg.IDs, error) { return locseg.FindIDs(m.tok.ID) })
	m.cfg.Vocabulary = m.tok.Len()
	return m
}

// accepts reports the first place at which a grammar does not allow an answer
// that ends.
func accepts(m *Model, g Grammar, answer []int32) error {
	s, err := m.start(g, answer)
	if err == nil {
		_, err = advance(endable{s}, m.EOS())
	}
	return err
}

// endable has a state after <eos>.
type endable struct{ State }

func (e endable) Next(int32) State { return e }

// A form is how an answer is checked by text, knowing nothing of states.
type form struct {
	labels []string
	masks  bool
}

func (f form) grammar() Grammar {
	if f.masks {
		return Masks(f.labels...)
	}
	return Boxes(f.labels...)
}

// objectPattern is the reference's parser (paligemma_parse.py), made strict.
var objectPattern = regexp.MustCompile(`^<loc(\d{4})><loc(\d{4})><loc(\d{4})><loc(\d{4})>((?:<seg\d{3}>){16})?(?: ([^;<>]+))?$`)

// check says what is wrong with an answer.
func (f form) check(text string) error {
	if text == "" {
		return nil
	}
	for object := range strings.SplitSeq(text, " ; ") {
		m := objectPattern.FindStringSubmatch(object)
		switch {
		case m == nil:
			return fmt.Errorf("%q is no object", object)
		case m[3] <= m[1] || m[4] <= m[2]: // of one length, so they order as numbers
			return fmt.Errorf("%q has an empty box", object)
		case (m[5] != "") != f.masks:
			return fmt.Errorf("%q has a mask: %t, want %t", object, m[5] != "", f.masks)
		case m[6] == "" && len(f.labels) > 0 || m[6] != "" && !slices.Contains(f.labels, m[6]):
			return fmt.Errorf("%q has label %q, want one of %q", object, m[6], f.labels)
		}
	}
	if objects, problems := locseg.Parse(text); len(problems) > 0 || len(objects) != 1+strings.Count(text, " ; ") {
		return fmt.Errorf("locseg finds %d objects and %v in %q", len(objects), problems, text)
	}
	return nil
}

// forms are of several shapes of labels: whole pieces, spelled in bytes, one a
// part of another, alike at first, with digits, spaces and other scripts.
var forms = []form{
	{[]string{"cat"}, false},
	{[]string{"cat"}, true},
	{[]string{"a", "ab", "abc", "a b", "b"}, false},
	{[]string{"red circle", "red square", "circle", "red"}, true},
	{[]string{"dog", "dog"}, false},
	{[]string{"2 cats", "200 cats, or more", "Zebra-crossing"}, false},
	{[]string{"a  b", "été", "猫", "🐈 \t x", "eos", "loc0001"}, true},
	{nil, false},
	{nil, true},
}

// TestGrammarIsTheTokenizer writes random well-formed answers and cuts them
// into tokens as training does: the grammar allows each of them.
func TestGrammarIsTheTokenizer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, file := range tokenizers {
		m := withoutWeights(t, file, nil)
		for _, f := range forms {
			for range 200 {
				text := f.answer(r, r.IntN(4))
				must(t, f.check(text))
				if err := accepts(m, f.grammar(), m.Tokenize(text)); err != nil {
					t.Fatalf("%s: %+v: %q: %v", file, f, text, err)
				}
			}
		}
	}
}

// answer spells n objects.
func (f form) answer(r *rand.Rand, n int) string {
	var objects []string
	for range n {
		y, x := r.IntN(1023), r.IntN(1023)
		s := fmt.Sprintf("<loc%04d><loc%04d><loc%04d><loc%04d>", y, x, y+1+r.IntN(1023-y), x+1+r.IntN(1023-x))
		for range 16 {
			if f.masks {
				s += fmt.Sprintf("<seg%03d>", r.IntN(128))
			}
		}
		if len(f.labels) > 0 {
			s += " " + f.labels[r.IntN(len(f.labels))]
		}
		objects = append(objects, s)
	}
	return strings.Join(objects, " ; ")
}

// TestGrammarAllowsNothingElse samples 10,000 answers from random logits at
// temperature 1. None is malformed, each is cut into tokens as the tokenizer
// cuts its text, and every choice is that of all logits with the rest masked.
func TestGrammarAllowsNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	models := []*Model{withoutWeights(t, tokenizers[0], nil), withoutWeights(t, tokenizers[1], nil)}
	longest := 0
	for n := range 10_000 / slowness {
		m, f := models[n%2], forms[n/2%len(forms)]
		answer := sampleAnswer(t, r, m, f.grammar(), Sampling{Temperature: 1, Seed: uint64(n)}, n < 40)
		text := m.Detokenize(answer)
		if err := f.check(text); err != nil {
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
func sampleAnswer(t *testing.T, r *rand.Rand, m *Model, g Grammar, sm Sampling, compare bool) (answer []int32) {
	t.Helper()
	state, err := m.start(g, nil)
	must(t, err)
	logits := make([]float32, m.cfg.Vocabulary)
	sampler := newSampler(sm)
	var some []float32
	for {
		must(t, checkAllowed(state.Allowed(), m.cfg.Vocabulary))
		some = some[:0]
		for _, id := range each(state.Allowed()) {
			logits[id] = float32(r.NormFloat64())
			some = append(some, logits[id])
		}
		id, logProb, err := sampler.next(some, state.Allowed(), len(answer))
		must(t, err)
		if compare {
			compareMasked(t, sm, logits, some, state.Allowed(), len(answer), id, logProb)
		}
		if id == m.EOS() {
			return answer
		}
		answer = append(answer, id)
		state, err = advance(state, id)
		must(t, err)
	}
}

// compareMasked wants what the sampler chooses of all logits when what the
// grammar does not allow is forbidden, however likely; greedy as well.
func compareMasked(t *testing.T, sm Sampling, logits, some []float32, allowed []Range, n int, id int32, logProb float32) {
	t.Helper()
	masked := slices.Repeat([]float32{float32(math.Inf(-1))}, len(logits))
	all := slices.Repeat([]float32{5}, len(logits))
	for i, id := range each(allowed) {
		masked[id], all[id] = some[i], some[i]
	}
	if len(some) < 99 || n%16 == 0 { // the sampler takes its time over long lists
		for i, v := range masked {
			if math.IsInf(float64(v), -1) {
				sm.Forbidden = append(sm.Forbidden, int32(i))
			}
		}
		want, _, err := newSampler(sm).next(all, idsOf(all), n)
		must(t, err)
		if id != want {
			t.Fatalf("token %d: drawn %d, want %d", n, id, want)
		}
	}
	greedy, _, err := newSampler(Sampling{}).next(some, allowed, n)
	must(t, err)
	if want := int32(slices.Index(masked, slices.Max(masked))); greedy != want {
		t.Fatalf("token %d: greedy %d, want %d", n, greedy, want)
	}
	if want := masked[id] - logSumExp(masked); logProb != want {
		t.Fatalf("token %d: log-probability %v, want %v", n, logProb, want)
	}
}

// TestGrammarRefuses answers that break each rule, at the token that does.
func TestGrammarRefuses(t *testing.T) {
	m := withoutWeights(t, tokenizers[0], nil)
	const box, codes = "<loc0001><loc0002><loc0003><loc0004>", "<seg000><seg001><seg002><seg003><seg004><seg005><seg006><seg007>" +
		"<seg008><seg009><seg010><seg011><seg012><seg013><seg014><seg127>"
	boxes, masks := Boxes("circle", "sign"), Masks("circle")
	for _, test := range []struct {
		g    Grammar
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
		{OneOf("a", "a b"), "a b", -1},
		{OneOf("a", "a b"), "a", -1},
		{OneOf("a", ""), "", -1},
		{OneOf("a", "a b"), "", 0},
		{OneOf("a", "a b"), "b", 0},
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

func TestPromptGrammar(t *testing.T) {
	m := withoutWeights(t, tokenizers[0], nil)
	for _, test := range []struct {
		p    Prompt
		want form
	}{
		{Detect("cat"), form{[]string{"cat"}, false}},
		{Detect("cat", "big dog"), form{[]string{"cat", "big dog"}, false}},
		{Segment("cat"), form{[]string{"cat"}, true}},
		{Segment("cat", "dog"), form{[]string{"cat", "dog"}, true}},
		{"detect  cat;dog ", form{[]string{"cat", "dog"}, false}},
	} {
		text := test.want.answer(rand.New(rand.NewPCG(3, 3)), 9)
		if err := accepts(m, test.p.Grammar(), m.Tokenize(text)); err != nil {
			t.Errorf("%q: %v", test.p, err)
		}
		other := strings.ReplaceAll(text, "cat", "sign")
		if err := accepts(m, test.p.Grammar(), m.Tokenize(other)); err == nil {
			t.Errorf("%q allows %q", test.p, other)
		}
	}
	for _, p := range []Prompt{"", "detector", Caption("en"), Answer("en", "detect what?"), OCR(), "Detect cat"} {
		if g := p.Grammar(); g != nil {
			t.Errorf("%q has grammar %v, want none", p, g)
		}
	}
}

// TestGrammarErrors wants an error that names the value, before anything is
// computed.
func TestGrammarErrors(t *testing.T) {
	m := withoutWeights(t, tokenizers[0], nil)
	for want, g := range map[string]Grammar{
		`label "" is empty`:                Boxes(""),
		`label " cat" is empty, or begins`: Boxes("dog", " cat"),
		`label "cat\n" is empty, or`:       Masks("cat\n"),
		`label "a;b": want`:                Boxes("a;b"),
		`label "<loc0001>": want`:          Masks("<loc0001>"),
		`label "a>b": want`:                Boxes("a>b"),
		`label "a\nb": want`:               Boxes("a\nb"),
		`label "a\xff": want UTF-8`:        Boxes("a\xff"),
		`label "" is`:                      Prompt("detect").Grammar(),
		`label ""  is empty`[:8]:           Prompt("segment cat ; ").Grammar(),
		`one of no texts`:                  OneOf(),
		`text "\xff" is not UTF-8`:         OneOf("a", "\xff"),
		`no first state`:                   faulty{},
	} {
		if err := m.checkSampling(&Sampling{Grammar: g}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", g, err, want)
		}
	}
	bare := withoutWeights(t, tokenizers[0], func(v *spm.Vocabulary) {
		v.Pieces[slices.Index(v.Pieces, "<seg127>")] = "<other>"
	})
	err := bare.checkSampling(&Sampling{Grammar: Boxes("cat")})
	if err == nil || !strings.Contains(err.Error(), "the vocabulary has no piece <seg127>") {
		t.Errorf("a vocabulary without <seg127>: %v", err)
	}
	must(t, bare.checkSampling(&Sampling{Grammar: OneOf("cat")}))
}

// faulty is a grammar, and a state, that promises nothing.
type faulty struct {
	state   State
	allowed []Range
}

func (f faulty) Start(*Model) (State, error) { return f.state, nil }
func (f faulty) Allowed() []Range            { return f.allowed }
func (f faulty) Next(int32) State            { return nil }

// TestFaultyGrammars never lets a program's own grammar reach the engine.
func TestFaultyGrammars(t *testing.T) {
	for want, allowed := range map[string][]Range{
		"no token is allowed":      {},
		"allowed ids [5, 5)":       {{5, 5}},
		"allowed ids [-1, 5)":      {{-1, 5}},
		"allowed ids [7, 6)":       {{7, 6}},
		"allowed ids [99, 101)":    {{0, 1}, {99, 101}},
		"allowed ids [4, 6) after": {{0, 5}, {4, 6}},
	} {
		if err := checkAllowed(allowed, 100); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one with %q", allowed, err, want)
		}
	}
	must(t, checkAllowed([]Range{{0, 1}, {1, 2}, {50, 100}}, 100))
	if _, err := advance(faulty{allowed: []Range{{3, 4}}}, 3); err == nil || !strings.Contains(err.Error(), "no state after token 3") {
		t.Errorf("a state without a next: %v", err)
	}
}
