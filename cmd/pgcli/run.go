package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

// samplingFlags choose how tokens are chosen, under llama.cpp's names.
func samplingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "predict", Aliases: []string{"n"}, Usage: "`tokens` to generate at most (0: until the end or a full context)"},
		&cli.Float64Flag{Name: "temp", Usage: "`temperature`; 0 always takes the likeliest token"},
		&cli.IntFlag{Name: "top-k", Usage: "draw from the `k` likeliest tokens (0: all)"},
		&cli.Float64Flag{Name: "top-p", Value: 1, Usage: "draw from the likeliest tokens that make up this `probability`"},
		&cli.Float64Flag{Name: "min-p", Usage: "draw from tokens at least this likely, relative to the likeliest (`ratio`)"},
		&cli.Int64Flag{Name: "seed", Aliases: []string{"s"}, Value: -1, Usage: "`seed` of the draws (-1: a new one each time)"},
	}
}

func sampling(c *cli.Context) (*paligemma.Sampling, error) {
	s := &paligemma.Sampling{
		Temperature: float32(c.Float64("temp")),
		TopK:        c.Int("top-k"),
		TopP:        float32(c.Float64("top-p")),
		MinP:        float32(c.Float64("min-p")),
		MaxTokens:   c.Int("predict"),
		Seed:        uint64(c.Int64("seed")),
	}
	if c.Int64("seed") == -1 {
		s.Seed = rand.Uint64()
	}
	if err := s.Check(); err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "answer prompts about pictures",
		Description: `Prints the answer to each prompt. All pictures come before the prompt, in the
order given; with several prompts each is asked about the same pictures.

Examples:
  pgcli run -m model.gguf --image photo.jpg -p "caption en"
  pgcli run -m model.gguf --image page.png -p ocr -p "answer en what is the total?"
  cat photo.jpg | pgcli run -m model.gguf --image - -p "detect cat ; dog" --json`,
		Flags: slices.Concat(modelFlags(), []cli.Flag{
			&cli.StringSliceFlag{Name: "image", Usage: "picture `file`, or - for standard input (repeatable)"},
		}, promptFlags(), samplingFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object per answer"},
			&cli.BoolFlag{Name: "timings", Usage: "print where the time went to standard error"},
		}),
		OnUsageError: wrongFlag,
		Action:       runAction,
	}
}

func runAction(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	prompts, err := readPrompts(c)
	if err != nil {
		return err
	}
	if len(prompts) == 0 {
		return usagef("no prompt: give one with -p TEXT, for example -p \"caption en\"")
	}
	sm, err := sampling(c)
	if err != nil {
		return err
	}
	start := time.Now()
	model, err := openModel(c)
	if err != nil {
		return err
	}
	defer model.Close()
	load := time.Since(start)
	pictures, err := readImages(c, model, c.StringSlice("image"))
	if err != nil {
		return err
	}
	if len(pictures) == 0 {
		fmt.Fprintln(c.App.ErrWriter, "pgcli: no --image: PaliGemma was not trained to answer without one")
	}
	start = time.Now()
	var images []*paligemma.Image
	for i, p := range pictures {
		img, err := model.Encode(c.Context, p)
		if err != nil {
			return fmt.Errorf("picture %s: %w", c.StringSlice("image")[i], err)
		}
		images = append(images, img)
	}
	if c.Bool("timings") {
		fmt.Fprintf(c.App.ErrWriter, "load    %8.1f ms\nencode  %8.1f ms, %d pictures\n", ms(load), ms(time.Since(start)), len(images))
	}
	session, err := model.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	for _, p := range prompts {
		if err := answer(c, session, images, p, sm); err != nil {
			return err
		}
	}
	return nil
}

// answer asks one prompt and prints the answer: as it comes, or as JSON.
func answer(c *cli.Context, s *paligemma.Session, images []*paligemma.Image, p paligemma.Prompt, sm *paligemma.Sampling) error {
	var err error
	if c.Bool("json") {
		err = answerJSON(c.Context, c.App.Writer, s, images, p, sm)
	} else {
		err = answerText(c.Context, c.App.Writer, s, images, p, sm)
	}
	if c.Bool("timings") {
		printTimings(c.App.ErrWriter, s.Timings())
	}
	return err
}

// answerText streams the answer and ends it with a newline, also when it is
// cut short by Ctrl-C.
func answerText(ctx context.Context, w io.Writer, s *paligemma.Session, images []*paligemma.Image, p paligemma.Prompt, sm *paligemma.Sampling) error {
	if err := s.Prefill(ctx, images, p); err != nil {
		return err
	}
	for t, err := range s.Tokens(ctx, sm) {
		if err == nil {
			_, err = io.WriteString(w, t.Text)
		}
		if err != nil {
			fmt.Fprintln(w)
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// answerJSON prints the whole answer, with its prompt, on a line.
func answerJSON(ctx context.Context, w io.Writer, s *paligemma.Session, images []*paligemma.Image, p paligemma.Prompt, sm *paligemma.Sampling) error {
	r, err := s.Run(ctx, images, p, sm)
	if r == nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false) // tokens such as <loc0512> stay readable
	return errors.Join(err, out.Encode(struct {
		Prompt paligemma.Prompt `json:"prompt"`
		*paligemma.Result
	}{p, r}))
}

func printTimings(w io.Writer, t paligemma.Timings) {
	fmt.Fprintf(w, "prompt  %8.1f ms, %d tokens, %.1f per second\n", ms(t.Prefill), t.PromptTokens, rate(t.PromptTokens, t.Prefill))
	fmt.Fprintf(w, "answer  %8.1f ms, %d tokens, %.1f per second\n", ms(t.Decode), t.Generated, rate(t.Generated, t.Decode))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func rate(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
