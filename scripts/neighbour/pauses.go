package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"github.com/pgcli/paligemma"
)

// pauses measures the time from token to token of an answer, alone and while somebody
// asks about picture after picture, each a question of its own.
func (m *measurement) pauses() error {
	for _, beside := range []bool{false, true} {
		ctx, cancel := context.WithCancel(context.Background())
		asked := make(chan error, 1)
		questions := 0
		if beside {
			go func() { asked <- m.ask(ctx, &questions) }()
			time.Sleep(100 * time.Millisecond)
		} else {
			asked <- nil
		}
		gaps, err := m.gaps(ctx)
		cancel()
		if err := errors.Join(err, <-asked); err != nil {
			return err
		}
		slices.Sort(gaps)
		round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
		fmt.Printf("an answer of %d tokens beside %d questions: from token to token %v, 95th percentile %v, longest %v\n",
			len(gaps)+1, questions, round(median(gaps)), round(gaps[len(gaps)*95/100]), round(gaps[len(gaps)-1]))
	}
	return nil
}

// gaps generates an answer and returns the times from token to token.
func (m *measurement) gaps(ctx context.Context) (gaps []time.Duration, err error) {
	s, err := m.model.NewSession()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.Prefill(ctx, nil, "caption en"); err != nil {
		return nil, err
	}
	var last time.Time
	for _, err := range s.Tokens(ctx, &paligemma.Sampling{MaxTokens: m.tokens, Forbidden: []int32{m.model.EOS()}, AllowRepeats: true}) {
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if !last.IsZero() {
			gaps = append(gaps, now.Sub(last))
		}
		last = now
	}
	if len(gaps) == 0 {
		return nil, errors.New("an answer of one token has no pauses")
	}
	return gaps, nil
}

// ask asks about pictures, for 2 tokens each, until the context ends, and counts the
// questions that it began.
func (m *measurement) ask(ctx context.Context, questions *int) error {
	side := m.model.Config().ImageSize
	picture := image.NewRGBA(image.Rect(0, 0, side, side))
	for ctx.Err() == nil {
		*questions++
		picture.Pix[*questions%len(picture.Pix)]++
		if _, err := m.model.Run(ctx, picture, "caption en", &paligemma.Sampling{MaxTokens: 2}); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}
