package paligemma

import (
	"context"
	"image"
	"strings"
	"time"
)

// NoID is the ID of a Token that holds only the replacement of a character
// left incomplete at the end of an answer.
const NoID int32 = -1

// A Token is a piece of an answer.
type Token struct {
	ID      int32   `json:"id"`
	Text    string  `json:"text"`    // whole characters; "" while one is incomplete
	LogProb float32 `json:"logprob"` // natural logarithm, by the model's own softmax over all tokens, or those that a grammar allows

	// Spread is, of a loc token, the mean distance of a loc token drawn by the same
	// softmax from it: less than 1024. It is 0 for other tokens.
	Spread float32 `json:"spread,omitempty"`
}

// A Stop says why an answer ended.
type Stop string

// Reasons to stop.
const (
	StopEOS     Stop = "eos"     // the model ended it
	StopLength  Stop = "length"  // MaxTokens were generated
	StopContext Stop = "context" // the session has no room for more
	StopRepeat  Stop = "repeat"  // it only repeated itself, see Sampling.AllowRepeats
)

// A Result is an answer.
type Result struct {
	Text     string    `json:"text"`
	Tokens   []Token   `json:"tokens"`             // without <eos>
	Objects  []Object  `json:"objects,omitempty"`  // that the answer points at; Pixels and Mask need a question about one picture
	Problems []Problem `json:"problems,omitempty"` // parts of an answer with loc or seg tokens that are not objects
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

// Run answers a prompt about a picture; a nil s means the defaults. Answers to
// detect and segment prompts can only be objects, unless s has a grammar or
// AnyText. When ctx ends it returns the answer so far together with the error.
// Session.Run with no pictures asks without one.
func (m *Model) Run(ctx context.Context, img image.Image, p Prompt, s *Sampling) (*Result, error) {
	s = s.about(p)
	if _, err := s.check(m, nil); err != nil {
		return nil, err
	}
	if _, err := p.Read(); err != nil {
		return nil, err
	}
	encoded, err := m.Encode(ctx, img)
	if err != nil {
		return nil, err
	}
	images := []*Image{encoded}
	session, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	defer session.Close()
	r, err := session.Run(ctx, images, p, s)
	if r != nil {
		r.Timings.Encode = encoded.took
	}
	return r, err
}

// Run is Prefill and Tokens in one: it answers a prompt about pictures that
// are encoded already, with the grammar that Model.Run would use. When ctx ends
// it returns the answer so far together with the error.
func (s *Session) Run(ctx context.Context, images []*Image, p Prompt, sm *Sampling) (*Result, error) {
	sm = sm.about(p)
	if _, err := sm.check(s.model, nil); err != nil {
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
	var size image.Point // of several pictures, nothing says which one a box is in
	if len(images) == 1 {
		size = images[0].bounds.Size()
	}
	r.Objects, r.Problems = s.model.Objects(r.Tokens, size)
	r.Timings = s.Timings()
	return &r, failed
}
