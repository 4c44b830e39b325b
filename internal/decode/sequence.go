package decode

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A Sequence is the tokens of one answer, the prefix included, with their keys
// and values. It belongs to the Decoder that made it.
type Sequence struct {
	decoder *Decoder
	number  uint64 // of all sequences of the decoder, in the order of their making
	cache   *gemma.Cache
	length  int         // tokens in the cache
	hidden  []float32   // [d] of the last token, which the output head reads; nil before a prefix
	rows    [][]float32 // hidden states of the rows of its last step, each [d]
	logits  []float32   // memory of its requests, used again
}

// NewSequence returns an empty sequence with room for size tokens. The caller
// must Close it.
func (d *Decoder) NewSequence(size int) (*Sequence, error) {
	cache, err := gemma.NewCache(d.backend, d.gemma.Config, size, d.CacheType)
	if err != nil {
		return nil, err
	}
	return &Sequence{decoder: d, number: d.sequences.Add(1), cache: cache}, nil
}

// Len returns the number of tokens computed, those of the prefix included.
func (s *Sequence) Len() int { return s.length }

// Cap returns the number of tokens that there is room for.
func (s *Sequence) Cap() int { return s.cache.Len }

// Bytes returns the memory of the key-value cache.
func (s *Sequence) Bytes() int { return s.cache.Bytes() }

// Ready reports whether a token can be chosen: a prefix was computed.
func (s *Sequence) Ready() bool { return s.hidden != nil }

// Reset forgets all tokens.
func (s *Sequence) Reset() { s.length, s.hidden = 0, nil }

// check reports numbers of n new tokens, from place first on, that are not finite:
// their keys, values or hidden states.
func (s *Sequence) check(hidden []float32, first, n int) error {
	if err := s.cache.Check(first, n); err != nil {
		return err
	}
	if nn.FirstNotFinite(hidden) >= 0 {
		return fmt.Errorf("hidden state: %w", nn.ErrNotFinite)
	}
	return nil
}

// failed empties a sequence if err says that not all numbers are finite. The cache may
// hold such numbers, and ggml multiplies masked keys and values by 0, which keeps NaN.
func (s *Sequence) failed(err error) error {
	if errors.Is(err, nn.ErrNotFinite) {
		s.Reset()
		s.cache.Clear()
	}
	return err
}

// Close frees the cache and the graphs that use it. It waits for computations
// that were cancelled. It is safe on nil and when closed.
func (s *Sequence) Close() error {
	if s == nil {
		return nil
	}
	s.decoder.closeSteps(func(t *step) bool { return t.uses(s) })
	s.decoder.ending.Wait()
	return s.cache.Close()
}
