package paligemma

import (
	"fmt"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/sample"
)

// Sampling says how tokens are chosen. The zero value, and nil, is greedy
// until <eos>, a full context or DefaultMaxTokens.
type Sampling struct {
	Temperature float32         // 0 takes the likeliest token; higher flattens the odds
	TopK        int             // draw from the k likeliest; 0 from all
	TopP        float32         // draw from the likeliest that make up this probability; 0 and 1 from all
	MinP        float32         // draw from those at least this likely, relative to the likeliest; 0 from all
	Seed        uint64          // same seed, model and device: same tokens
	MaxTokens   int             // 0 means DefaultMaxTokens, -1 no limit but the context
	Forbidden   []int32         // ids that are never chosen
	Grammar     grammar.Grammar // the answers that are possible, such as Prompt.Grammar; nil for all
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

// Check reports the first value that is out of range.
func (s *Sampling) Check() error {
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
			return nil, fmt.Errorf("paligemma: forbidden id %d, want 0 to %d", id, m.cfg.Vocabulary-1)
		}
	}
	err := s.Check()
	var state grammar.State
	if err == nil {
		state, err = grammar.Resume(s.Grammar, m, answer)
	}
	if err != nil {
		return nil, fmt.Errorf("paligemma: %w", err)
	}
	return state, nil
}
