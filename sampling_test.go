package paligemma

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestSamplingRefuses wants an error that names the value, before anything is
// computed.
func TestSamplingRefuses(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	must(t, (*Sampling)(nil).Check())
	for want, s := range map[string]*Sampling{
		"temperature is -1":               {Temperature: -1},
		"top-k is -1":                     {TopK: -1},
		"top-p is NaN":                    {TopP: float32(math.NaN())},
		"max tokens is -3":                {MaxTokens: -3},
		"forbidden id 1713, want 0 to":    {Forbidden: []int32{2, 1713}},
		"forbidden id -1, want 0 to 1712": {Forbidden: []int32{-1}},
		`label "" is empty`:               {Grammar: Prompt("detect").Grammar()},
		`label ""`:                        {Grammar: Prompt("segment cat ; ").Grammar()},
		"OneOf has no texts":              {Grammar: grammar.OneOf()},
		"no first state":                  {Grammar: faulty{}},
	} {
		if _, err := m.Run(t.Context(), nil, "", s); err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrContextFull) {
			t.Errorf("%+v: error %v, want one with %q", s, err, want)
		}
	}
}

// TestPromptGrammar: detect and segment prompts allow their labels and no
// others, and other prompts have no grammar.
func TestPromptGrammar(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	accepts := func(g grammar.Grammar, answer string) error {
		s, err := grammar.Resume(g, m, m.Tokenize(answer))
		if err == nil {
			_, err = grammar.Advance(endable{s}, m.EOS())
		}
		return err
	}
	for _, test := range []struct {
		p    Prompt
		want testmodel.Form
	}{
		{Detect("cat"), testmodel.Form{Labels: []string{"cat"}}},
		{Detect("cat", "big dog"), testmodel.Form{Labels: []string{"cat", "big dog"}}},
		{Segment("cat"), testmodel.Form{Labels: []string{"cat"}, Masks: true}},
		{Segment("cat", "dog"), testmodel.Form{Labels: []string{"cat", "dog"}, Masks: true}},
		{"detect cat\u2581toy", testmodel.Form{Labels: []string{"cat toy"}}}, // a space to the model, in transformers as well
		{"detect  cat;dog ", testmodel.Form{Labels: []string{"cat", "dog"}}},
	} {
		text := test.want.Spell(rand.New(rand.NewPCG(3, 3)), 9)
		if err := accepts(test.p.Grammar(), text); err != nil {
			t.Errorf("%q: %v", test.p, err)
		}
		other := strings.ReplaceAll(text, "cat", "sign")
		if err := accepts(test.p.Grammar(), other); err == nil {
			t.Errorf("%q allows %q", test.p, other)
		}
	}
	for _, p := range []Prompt{"", "detector", Caption("en"), Answer("en", "detect what?"), OCR(), "Detect cat"} {
		if g := p.Grammar(); g != nil {
			t.Errorf("%q has grammar %v, want none", p, g)
		}
	}
}

// endable has a state after <eos>.
type endable struct{ grammar.State }

func (e endable) Next(int32) grammar.State { return e }

// faulty is a grammar, and a state, that promises nothing.
type faulty struct {
	state   grammar.State
	allowed []grammar.Range
}

func (f faulty) Start(grammar.Vocabulary) (grammar.State, error) { return f.state, nil }
func (f faulty) Allowed() []grammar.Range                        { return f.allowed }
func (f faulty) Next(int32) grammar.State                        { return nil }
