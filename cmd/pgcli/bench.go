package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure how fast a model runs",
		Description: `Measures, each several times after one run that is not counted:

  load        opening the file, which is in the system's cache by then
  vit         a picture to soft tokens
  img+prompt  a picture and a prompt to the first token of the answer
  pp512       a prompt of 512 tokens without a picture
  tg128       128 tokens of an answer, one after the other

With --compare-ggml every measurement is made with our kernels and with ggml's
in turn, and the ratio printed is the median of those of neighbours.

Examples:
  pgcli bench -m model.gguf
  pgcli bench -m model.gguf -t 4 -r 10 --test vit,img+prompt -o csv
  pgcli bench -m model.gguf --compare-ggml`,
		Flags: slices.Concat(modelFlags(), []cli.Flag{
			&cli.IntFlag{Name: "repetitions", Aliases: []string{"r"}, Value: 5, Usage: "`times` each test is measured"},
			&cli.StringFlag{Name: "test", Value: "load,vit,img+prompt,pp512,tg128", Usage: "`tests` to run, with commas between; any number may follow pp and tg"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "md", Usage: "`form` of the result: md, csv or json"},
			&cli.BoolFlag{Name: "compare-ggml", Usage: "measure ggml's kernels too, and print how many times faster ours are"},
		}),
		OnUsageError: wrongFlag,
		Action:       benchAction,
	}
}

func benchAction(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	write, ok := map[string]func(io.Writer, []benchRow) error{"md": benchMarkdown, "csv": benchCSV, "json": benchJSON}[c.String("output")]
	if !ok {
		return usagef("-o is %q, want md, csv or json", c.String("output"))
	}
	if r := c.Int("repetitions"); r < 1 || r > 1000 {
		return usagef("-r is %d, want 1 to 1000", r)
	}
	tests, err := benchTests(c.String("test"))
	if err != nil {
		return err
	}
	kernels := []string{c.String("kernels")}
	if c.Bool("compare-ggml") {
		if kernels[0] == "off" {
			return usagef("--compare-ggml compares our kernels, which --kernels off turns off")
		}
		kernels = append(kernels, "off")
	}
	var sides []*bencher
	for _, k := range kernels {
		b, err := newBencher(c, k)
		if err != nil {
			return err
		}
		defer b.Close()
		sides = append(sides, b)
	}
	var rows []benchRow
	for _, t := range tests {
		fmt.Fprintf(c.App.ErrWriter, "pgcli: %s\n", t.name)
		row, err := measure(c.Context, t, sides, c.Int("repetitions"))
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		rows = append(rows, row)
	}
	if c.Bool("compare-ggml") {
		limits, err := paligemma.MeasureLimits(c.Int("threads"), c.String("kernels"))
		if err != nil {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "pgcli: limits here: %.0f Gop/s of int8, %.0f Gflop/s of float32, reading %.1f GB/s\n",
			limits.Int8/1e9, limits.Float/1e9, limits.Read/1e9)
	}
	return write(c.App.Writer, rows)
}

// A benchTest does one thing that is timed, on tokens tokens.
type benchTest struct {
	name   string
	tokens func(b *bencher) int // 0: a rate says nothing
	run    func(ctx context.Context, b *bencher) (time.Duration, error)
}

func benchTests(list string) ([]benchTest, error) {
	var tests []benchTest
	for name := range strings.SplitSeq(list, ",") {
		t := benchTest{name: name, tokens: func(*bencher) int { return 0 }}
		n, err := strconv.Atoi(strings.TrimLeft(name, "ptg"))
		counted := err == nil && n > 0 && n <= 1<<17
		switch {
		case name == "load":
			t.run = load
		case name == "vit":
			t.run, t.tokens = encode, func(b *bencher) int { return b.model.Config().ImageTokens }
		case name == "img+prompt":
			t.run, t.tokens = firstToken, func(b *bencher) int {
				return b.model.Config().ImageTokens + len(b.model.PromptIDs(b.caption))
			}
		case counted && strings.HasPrefix(name, "pp"):
			t.tokens = func(*bencher) int { return n }
			t.run = func(ctx context.Context, b *bencher) (time.Duration, error) { return b.prompt(ctx, n) }
		case counted && strings.HasPrefix(name, "tg"):
			t.tokens = func(*bencher) int { return n }
			t.run = func(ctx context.Context, b *bencher) (time.Duration, error) { return b.answer(ctx, n) }
		default:
			return nil, usagef("--test has %q, want load, vit, img+prompt, ppN or tgN", name)
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// A bencher is a model under measurement.
type bencher struct {
	open    func() (*paligemma.Model, error)
	model   *paligemma.Model
	session *paligemma.Session
	picture image.Image
	caption paligemma.Prompt
}

func newBencher(c *cli.Context, kernels string) (b *bencher, err error) {
	b = &bencher{caption: paligemma.Caption("en"), open: func() (*paligemma.Model, error) {
		return openModelFile(c, c.Path("model"), kernels)
	}}
	if b.model, err = b.open(); err != nil {
		return nil, err
	}
	side := b.model.Config().ImageSize
	picture := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			picture.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	b.picture = picture
	if b.session, err = b.model.NewSession(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *bencher) Close() {
	b.session.Close()
	b.model.Close()
}

func load(_ context.Context, b *bencher) (time.Duration, error) {
	start := time.Now()
	m, err := b.open()
	took := time.Since(start)
	return took, errors.Join(err, m.Close())
}

func encode(ctx context.Context, b *bencher) (time.Duration, error) {
	start := time.Now()
	_, err := b.model.Encode(ctx, b.picture)
	return time.Since(start), err
}

func firstToken(ctx context.Context, b *bencher) (time.Duration, error) {
	start := time.Now()
	img, err := b.model.Encode(ctx, b.picture)
	if err != nil {
		return 0, err
	}
	_, err = b.session.Run(ctx, []*paligemma.Image{img}, b.caption, &paligemma.Sampling{MaxTokens: 1})
	return time.Since(start), err
}

// prompt times a prompt of n tokens, <bos> and the newline included.
func (b *bencher) prompt(ctx context.Context, n int) (time.Duration, error) {
	text, err := b.text(n)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	err = b.session.Prefill(ctx, nil, text)
	return time.Since(start), err
}

// text returns a prompt of n tokens: a piece that stays one token however
// often it is repeated.
func (b *bencher) text(n int) (paligemma.Prompt, error) {
	for id := range int32(b.model.Config().Vocabulary) {
		piece := b.model.Detokenize([]int32{id})
		text := paligemma.Prompt(strings.Repeat(piece, max(0, n-2)))
		if len(piece) > 0 && len(piece) < 32 && len(b.model.PromptIDs(text)) == n {
			return text, nil
		}
	}
	return "", fmt.Errorf("found no prompt of %d tokens", n)
}

// answer times n tokens after a short prompt and a first token, which needs
// only the head, as the prompt's last hidden state is there already.
func (b *bencher) answer(ctx context.Context, n int) (time.Duration, error) {
	if err := b.session.Prefill(ctx, nil, b.caption); err != nil {
		return 0, err
	}
	var start time.Time
	got := -1
	for _, err := range b.session.Tokens(ctx, &paligemma.Sampling{MaxTokens: n + 1, Forbidden: []int32{b.model.EOS()}}) {
		if err != nil {
			return 0, err
		}
		if got++; got == 0 {
			start = time.Now()
		}
	}
	if got < n {
		return 0, fmt.Errorf("the context of %d tokens has no room for %d more; see --ctx-size", b.model.Config().Context, n)
	}
	return time.Since(start), nil
}

// A benchRow is a test's result: the times of each side, in the order taken.
type benchRow struct {
	name   string
	tokens int
	times  [][]time.Duration
}

// measure runs a test on all sides in turn.
func measure(ctx context.Context, t benchTest, sides []*bencher, repetitions int) (benchRow, error) {
	row := benchRow{name: t.name, tokens: t.tokens(sides[0]), times: make([][]time.Duration, len(sides))}
	for i := range repetitions + 1 {
		for k, b := range sides {
			took, err := t.run(ctx, b)
			if err != nil {
				return row, err
			}
			if i > 0 { // the first warms up
				row.times[k] = append(row.times[k], took)
			}
		}
	}
	return row, nil
}
