package paligemma

import (
	"context"
	"errors"
	"fmt"
	"image"
	"iter"
	"strings"
	"time"
)

// NoID is the ID of a Token that holds only the replacement of a character
// left incomplete at an answer's end.
const NoID int32 = -1

// A Token is a piece of an answer.
type Token struct {
	ID      int32   `json:"id"`
	Text    string  `json:"text"`    // whole characters; "" while one is incomplete
	LogProb float32 `json:"logprob"` // natural logarithm, by the model's own softmax over all tokens, or those that a grammar allows

	// Spread is, of a loc token, how far a loc token drawn by the same softmax is
	// from it on average: less than 1024. It is 0 for others.
	Spread float32 `json:"spread,omitempty"`
}

// A Stop says why an answer ended.
type Stop string

// Reasons to stop.
const (
	StopEOS     Stop = "eos"     // the model ended it
	StopLength  Stop = "length"  // MaxTokens were generated
	StopContext Stop = "context" // the session has no room for more
)

// A Result is an answer.
type Result struct {
	Text     string    `json:"text"`
	Tokens   []Token   `json:"tokens"`             // without <eos>
	Objects  []Object  `json:"objects,omitempty"`  // that the answer points at; Pixels and Mask need a question about one picture
	Problems []Problem `json:"problems,omitempty"` // what is no object in an answer that has loc or seg tokens
	Stop     Stop      `json:"stop"`
	Timings  Timings   `json:"timings"`
}

// Timings say where the time went.
type Timings struct {
	Encode       time.Duration `json:"encode_ns"`  // pictures to soft tokens, when this run did it
	Prefill      time.Duration `json:"prefill_ns"` // prompt, pictures included
	Decode       time.Duration `json:"decode_ns"`  // answer
	PromptTokens int           `json:"prompt_tokens"`
	Generated    int           `json:"generated_tokens"`
}

// Run answers a prompt about a picture; a nil image asks without one, and a nil
// s means the defaults. When ctx ends it returns what was generated so far
// together with the error.
func (m *Model) Run(ctx context.Context, img image.Image, p Prompt, s *Sampling) (*Result, error) {
	if err := m.checkSampling(s); err != nil {
		return nil, err
	}
	var images []*Image
	if img != nil {
		encoded, err := m.Encode(ctx, img)
		if err != nil {
			return nil, err
		}
		images = append(images, encoded)
	}
	session, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	defer session.Close()
	r, err := session.Run(ctx, images, p, s)
	if r != nil && len(images) > 0 {
		r.Timings.Encode = images[0].took
	}
	return r, err
}

// Run is Prefill and Tokens in one: it answers a prompt about pictures that
// are encoded already. When ctx ends it returns what was generated so far
// together with the error.
func (s *Session) Run(ctx context.Context, images []*Image, p Prompt, sm *Sampling) (*Result, error) {
	if err := s.model.checkSampling(sm); err != nil {
		return nil, err
	}
	if err := s.Prefill(ctx, images, p); err != nil {
		return nil, err
	}
	var r Result
	var text strings.Builder
	var failed error
	for t, err := range s.Tokens(ctx, sm) {
		if err != nil {
			failed = err
			break
		}
		if t.ID != NoID {
			r.Tokens = append(r.Tokens, t)
		}
		text.WriteString(t.Text)
	}
	r.Text, r.Stop = text.String(), s.stop
	var size image.Point // which of several pictures a box is in, nothing says
	if len(images) == 1 {
		size = images[0].bounds.Size()
	}
	r.Objects, r.Problems = s.model.Objects(r.Tokens, size)
	r.Timings = s.Timings()
	return &r, failed
}

// Timings returns those of the last Prefill and of what Tokens generated since.
func (s *Session) Timings() Timings {
	return Timings{Prefill: s.prefilled, Decode: s.decoding, PromptTokens: s.prompt, Generated: len(s.answer)}
}

// Stopped says why Tokens ended last; "" if it was left early or failed.
func (s *Session) Stopped() Stop { return s.stop }

// Tokens generates the answer to what Prefill was given, token by token, and
// ends at <eos>, which is not among them. A nil sm means the defaults. An error
// comes as the last pair, with a zero Token. Leaving the loop early is fine:
// the next call goes on from there.
func (s *Session) Tokens(ctx context.Context, sm *Sampling) iter.Seq2[Token, error] {
	if sm == nil {
		sm = &Sampling{}
	}
	return func(yield func(Token, error) bool) {
		s.stop = ""
		if err := s.generate(ctx, newSampler(*sm), func(t Token) bool { return yield(t, nil) }); err != nil {
			yield(Token{}, err)
		}
	}
}

func (s *Session) generate(ctx context.Context, sm *sampler, yield func(Token) bool) error {
	switch {
	case s.closed:
		return fmt.Errorf("paligemma: session: %w", ErrClosed)
	case s.hidden == nil:
		return errors.New("paligemma: Tokens before a Prefill that succeeded")
	}
	if err := sm.check(s.model.cfg.Vocabulary); err != nil {
		return err
	}
	state, err := s.model.start(sm.Grammar, s.answer)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if sm.MaxTokens > 0 && n == sm.MaxTokens {
			s.stop = StopLength
			break
		}
		t, err := s.choose(ctx, sm, state)
		if err != nil {
			return err
		}
		if t.ID == s.model.tok.EOS() {
			s.stop = StopEOS
			break
		}
		if s.length == s.cache.Len {
			s.stop = StopContext
			break
		}
		if state != nil {
			if state, err = advance(state, t.ID); err != nil {
				return fmt.Errorf("paligemma: %w", err)
			}
		}
		s.pending, s.answer = t.ID, append(s.answer, t.ID)
		t.Text = s.text.Push(t.ID)
		if !yield(t) {
			return nil
		}
	}
	if rest := s.text.Flush(); rest != "" {
		yield(Token{ID: NoID, Text: rest})
	}
	return nil
}

// choose computes the token that was chosen last, if it is not in the cache
// yet, and chooses the next, one that the grammar's state allows if there is
// one. Text is left out. When it fails it may be called again.
func (s *Session) choose(ctx context.Context, sm *sampler, state State) (Token, error) {
	start := time.Now()
	defer func() { s.decoding += time.Since(start) }()
	if err := s.settle(ctx); err != nil {
		return Token{}, fmt.Errorf("paligemma: generate: %w", err)
	}
	if state == nil {
		t, ok, err := s.fromBest(ctx, sm)
		if err != nil {
			return Token{}, fmt.Errorf("paligemma: generate: %w", err)
		}
		if ok {
			return t, nil
		}
	}
	among := s.model.everything()
	if state != nil {
		among = state.Allowed()
		if err := checkAllowed(among, s.model.cfg.Vocabulary); err != nil {
			return Token{}, fmt.Errorf("paligemma: %w", err)
		}
	}
	logits, err := s.logits(ctx, among)
	if err != nil {
		return Token{}, fmt.Errorf("paligemma: generate: %w", err)
	}
	id, logProb, err := sm.next(logits, among, len(s.answer))
	if err != nil {
		return Token{}, err
	}
	return Token{ID: id, LogProb: logProb, Spread: s.model.spread(logits, among, id)}, nil
}
