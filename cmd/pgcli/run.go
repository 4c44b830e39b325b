package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

// samplingFlags say how tokens are chosen. They have the names of llama.cpp's flags.
func samplingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "predict", Aliases: []string{"n"}, Usage: "most `tokens` of an answer (0: 512; -1: until it ends or the context is full)"},
		&cli.Float64Flag{Name: "temp", Usage: "`temperature`; 0 always takes the likeliest token"},
		&cli.IntFlag{Name: "top-k", Usage: "sample from the `k` likeliest tokens (0: all)"},
		&cli.Float64Flag{Name: "top-p", Value: 1, Usage: "sample from the likeliest tokens that together have this `probability`"},
		&cli.Float64Flag{Name: "min-p", Usage: "sample from tokens with at least this `fraction` of the likeliest one's probability"},
		&cli.Int64Flag{Name: "seed", Aliases: []string{"s"}, Value: -1, Usage: "`seed` of the samples (-1: a new one each time)"},
	}
}

// sampling reads samplingFlags.
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
		Description: `Prints the answer to each prompt. The model sees all pictures in the order given,
then the prompt; each of several prompts is asked about the same pictures. On a
terminal a table follows an answer that holds objects; -o draws the objects of
all answers on the picture.

Examples:
  pgcli run -m model.gguf --image photo.jpg -p "caption en"
  pgcli run -m model.gguf --image page.png -p ocr -p "answer en what is the total?"
  cat photo.jpg | pgcli run -m model.gguf --image - -p "detect cat ; dog" --json
  pgcli run -m model.gguf --image photo.jpg -p "segment cat" -o found.png
  pgcli run -m model.gguf --image photo.jpg -p "answer en is it raining?" --choices yes,no,unclear`,
		Flags: slices.Concat(modelFlags(), []cli.Flag{
			&cli.StringSliceFlag{Name: "image", Usage: "picture `file`, or - for standard input (repeatable)"},
		}, promptFlags(), drawingFlags(""), objectFlags(), []cli.Flag{choicesFlag(), grammarFlag("off"), timingsFlag()}, samplingFlags()),
		OnUsageError: wrongFlag,
		Action:       runAction,
	}
}

// runAction checks prompts and flags before it opens the model. It encodes the
// pictures once for all prompts.
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
	asked, err := newAsking(c)
	if err != nil {
		return err
	}
	answers, err := choices(c)
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
	for i, p := range pictures {
		img, err := model.Encode(c.Context, p)
		if err != nil {
			return fmt.Errorf("picture %s: %w", c.StringSlice("image")[i], err)
		}
		asked.images = append(asked.images, img)
	}
	if c.Bool("timings") {
		fmt.Fprintf(c.App.ErrWriter, "load    %8.1f ms\nencode  %8.1f ms, %d pictures\n", ms(load), ms(time.Since(start)), len(pictures))
	}
	session, err := model.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	asked.model, asked.session = model, session
	for _, p := range prompts {
		ask := func() error { return asked.answer(c, p) }
		if answers != nil {
			ask = func() error { return asked.choose(c, p, answers) }
		}
		if err := ask(); err != nil {
			return err
		}
	}
	if err := asked.out.close(); err != nil || len(pictures) != 1 {
		return err
	}
	return asked.drawing.save(c, 0, pictures[0], asked.objects)
}

// printTimings prints the times of a prompt and its answer.
func printTimings(w io.Writer, t paligemma.Timings) {
	fmt.Fprintf(w, "prompt  %8.1f ms, %d tokens, %.1f per second\n", ms(t.Prefill), t.PromptTokens, rate(t.PromptTokens, t.Prefill))
	fmt.Fprintf(w, "answer  %8.1f ms, %d tokens, %.1f per second\n", ms(t.Decode), t.Generated, rate(t.Generated, t.Decode))
}

// ms returns a time in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// rate returns tokens a second, 0 if no time passed.
func rate(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
