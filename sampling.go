package paligemma

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/sample"
)

// Sampling says how tokens are chosen. The zero value, and nil, is greedy
// until <eos>, a full context, DefaultMaxTokens or an answer that only repeats itself.
type Sampling struct {
	Temperature float32         // 0 takes the likeliest token; higher flattens the odds
	TopK        int             // draw from the k likeliest; 0 from all
	TopP        float32         // draw from the likeliest that make up this probability; 0 and 1 from all
	MinP        float32         // draw from those at least this likely, relative to the likeliest; 0 from all
	Seed        uint64          // same seed, model and device: same tokens
	MaxTokens   int             // 0 means DefaultMaxTokens, -1 no limit but the context
	Forbidden   []int32         // ids that are never chosen
	Grammar     grammar.Grammar // the answers that are possible, such as Prompt.Grammar; nil for all

	// AnyText lets Run answer detect and segment prompts with any text. Without it,
	// and without a Grammar, their answers are held to Prompt.Grammar.
	AnyText bool

	// AllowRepeats lets an answer go on that only repeats itself. Without it, and
	// without a grammar, an answer ends with StopRepeat when its last 96 tokens
	// repeat one run of at most 24.
	AllowRepeats bool

	// NoMasks leaves the masks of Result.Objects out, for those who take them one after
	// the other from Model.EachMask: each has a byte for each pixel of its box.
	NoMasks bool
}

// about returns s, which may be nil, with the grammar of a prompt if s asks for it.
func (s *Sampling) about(p Prompt) *Sampling {
	var c Sampling
	if s != nil {
		c = *s
	}
	if c.Grammar == nil && !c.AnyText {
		c.Grammar = p.Grammar()
	}
	return &c
}

// Values of Sampling.MaxTokens.
const (
	DefaultMaxTokens = 512 // tokens of an answer: some seventy boxes, and more than any caption
	NoLimit          = -1
)

// limit returns the most tokens of an answer; -1 for no limit.
func (s *Sampling) limit() int {
	if s.MaxTokens == 0 {
		return DefaultMaxTokens
	}
	return s.MaxTokens
}

// Check reports the first value that is out of range; nil is fine.
func (s *Sampling) Check() error {
	if s == nil {
		return nil
	}
	if s.MaxTokens < NoLimit {
		return fmt.Errorf("max tokens is %d, want 1 or more, 0 for %d, or %d for no limit", s.MaxTokens, DefaultMaxTokens, NoLimit)
	}
	return s.options().Check()
}

// options returns the part that chooses among logits.
func (s *Sampling) options() sample.Options {
	return sample.Options{Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, Seed: s.Seed, Forbidden: s.Forbidden}
}

// check refuses sampling that the model cannot do; nil is fine. It returns the
// grammar's state after an answer so far.
func (s *Sampling) check(m *Model, answer []int32) (grammar.State, error) {
	if s == nil {
		return nil, nil
	}
	for _, id := range s.Forbidden {
		if id < 0 || int(id) >= m.cfg.Vocabulary {
			return nil, requestf(ErrSampling, "forbidden id %d, want 0 to %d", id, m.cfg.Vocabulary-1)
		}
	}
	err := s.Check()
	var state grammar.State
	if err == nil {
		state, err = grammar.Resume(s.Grammar, m, answer)
	}
	switch {
	case errors.Is(err, ErrRequest): // of the prompt that the grammar is for
		return nil, err
	case err != nil:
		return nil, requestf(ErrSampling, "%w", err)
	}
	return state, nil
}
