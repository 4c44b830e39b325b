package paligemma

import (
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/pgcli/paligemma/internal/decode"
)

// scoreRows is how many tokens of continuations are computed at a time.
const scoreRows = 48

// stepRows bounds the tokens that are computed together for several sessions: scoreRows for
// one of them, and a token for each of the others.
const stepRows = 64

// Score returns the log-probability of each of several texts as the continuation
// of the answer so far: the sum over its tokens of the natural logarithms of their
// probabilities, by the model's own softmax over all tokens. An empty text has 0. A
// text that [Prompt.Read] refuses, or that does not fit in the session, is an ErrPrompt.
// The answer stays as it is.
func (s *Session) Score(ctx context.Context, texts ...string) ([]float64, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	branches := make([][]int32, len(texts))
	for i, text := range texts {
		var err error
		if branches[i], err = s.continuation(ctx, i, text); err != nil {
			return nil, scoreFailed("score", err)
		}
	}
	scores, err := s.score(ctx, branches)
	if err != nil {
		return nil, scoreFailed("score", err)
	}
	return scores, nil
}

// continuation returns the ids of text i, counted from 0, which may continue the answer. It
// refuses a text that no answer can be, by the rule of [Prompt.Read], and one that the
// session has no room for, however it is cut.
func (s *Session) continuation(ctx context.Context, i int, text string) ([]int32, error) {
	if over(ctx) {
		return nil, context.Cause(ctx)
	}
	r, err := Prompt(text).Read()
	if err == nil && r.Pictures > 0 {
		err = requestf(ErrPrompt, "text %.60q has %s, which is no text: leave it out", text, imageMark)
	}
	if err != nil {
		return nil, err
	}
	room := s.sequence.Cap() - s.sequence.Len() - len(s.pending)
	if n := s.model.tok.Fewest(text); n > room+1 { // the last token of a text is not computed
		return nil, fmt.Errorf("text %d of %d tokens or more: %w", i+1, n, ErrContextFull)
	}
	return s.model.tok.Encode(text), nil
}

// score returns the log-probabilities of branches, computed in groups.
func (s *Session) score(ctx context.Context, branches [][]int32) (scores []float64, err error) {
	for first := 0; first < len(branches); {
		last, rows := first, 0
		for last < len(branches) && (last == first || rows+len(branches[last]) <= s.scoreRoom()) {
			rows += len(branches[last])
			last++
		}
		r := &decode.Request{Branches: branches[first:last]}
		if err := s.step(ctx, r); err != nil {
			if last == first+1 { // one that is longer than the room is alone
				err = fmt.Errorf("text %d of %d tokens: %w", last, rows, err)
			}
			return nil, err
		}
		for _, list := range r.LogProbs {
			sum := 0.0
			for _, v := range list {
				sum += float64(v)
			}
			scores = append(scores, sum)
		}
		first = last
	}
	return scores, nil
}

// scoreRoom is how many tokens of continuations are computed in one step.
func (s *Session) scoreRoom() int {
	return min(scoreRows, s.sequence.Cap()-s.sequence.Len()-len(s.pending))
}

// A Chosen is one of several given answers.
type Chosen struct {
	Text        string  `json:"text"`
	Probability float64 `json:"probability"` // among the given answers, which make up 1
	LogProb     float64 `json:"logprob"`     // of this answer and its end, among all that the model might say
}

// Choose compares given answers to the prompt of a Prefill: nothing is generated.
// The result is in the order of the answers. It fails with an ErrPrompt if there are no
// answers, or if one is empty, given twice, refused by [Prompt.Read], or too long for the
// session.
func (s *Session) Choose(ctx context.Context, answers ...string) ([]Chosen, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	if len(answers) == 0 {
		return nil, requestf(ErrPrompt, "choose: no answers to choose from")
	}
	branches, list := make([][]int32, len(answers)), make([]Chosen, len(answers))
	given := map[string]bool{}
	for i, text := range answers {
		if text == "" || given[text] {
			return nil, requestf(ErrPrompt, "choose: answer %d is %q, want texts that differ and are not empty", i+1, text)
		}
		given[text] = true
		ids, err := s.continuation(ctx, i, text)
		if err != nil {
			return nil, scoreFailed("choose", err)
		}
		branches[i] = append(ids, s.model.tok.EOS())
	}
	scores, err := s.score(ctx, branches)
	if err != nil {
		return nil, scoreFailed("choose", err)
	}
	most, sum := slices.Max(scores), 0.0
	for i, v := range scores {
		list[i] = Chosen{Text: answers[i], Probability: math.Exp(v - most), LogProb: v}
		sum += list[i].Probability
	}
	for i := range list {
		list[i].Probability /= sum
	}
	return list, nil
}

// Choose compares given answers to a prompt about a picture. See [Session.Choose].
func (m *Model) Choose(ctx context.Context, img image.Image, p Prompt, answers ...string) ([]Chosen, error) {
	c, err := m.converse(ctx, img, p, &Sampling{AnyText: true})
	if err != nil {
		return nil, err
	}
	defer c.close(ctx)
	if err := c.session.Prefill(ctx, c.images, p); err != nil {
		return nil, err
	}
	return c.session.Choose(ctx, answers...)
}
