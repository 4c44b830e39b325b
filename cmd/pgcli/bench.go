package main

import (
	"context"
	"fmt"
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
		Description: `Runs each test once to warm up, then measures it several times:

  load        open the file, which the system has in its cache by then
  vit         a picture to soft tokens
  img+prompt  a picture and a prompt to the first token of the answer
  pp512       a prompt of 512 tokens without a picture
  tg128       128 tokens of an answer, one after the other

--parallel measures answers that are generated at the same time, for each of its
numbers. Its tests are tgN, N tokens of each answer, and reqN, whole requests of a
picture, a prompt and N tokens: tg64,req12 unless --test says otherwise.

--compare-ggml measures our kernels and ggml's in turn. It prints how many times
faster ours are: the median over the pairs of neighbouring measurements.

Examples:
  pgcli bench -m model.gguf
  pgcli bench -m model.gguf -t 4 -r 10 --test vit,img+prompt -o csv
  pgcli bench -m model.gguf --compare-ggml`,
		Flags: slices.Concat(modelFlags(), []cli.Flag{
			&cli.IntFlag{Name: "repetitions", Aliases: []string{"r"}, Value: 5, Usage: "how many `times` to measure each test"},
			&cli.StringFlag{Name: "test", Value: "load,vit,img+prompt,pp512,tg128", Usage: "`tests` to run, separated by commas; pp and tg take any number of tokens"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "md", Usage: "`format` of the result: md, csv or json"},
			&cli.StringFlag{Name: "parallel", Usage: "measure several answers at a time: `numbers` of them, such as 1,2,4,8"},
			&cli.BoolFlag{Name: "compare-ggml", Usage: "measure ggml's kernels too, and print how many times faster ours are"},
		}),
		OnUsageError: wrongFlag,
		Action:       benchAction,
	}
}

// benchAction measures the tests one after another. With --compare-ggml two models
// are open: one side computes with our kernels, the other with ggml's.
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
	if list := c.String("parallel"); list != "" {
		if c.Bool("compare-ggml") {
			return usagef("--parallel goes without --compare-ggml")
		}
		counts, err := parallelCounts(list)
		if err != nil {
			return err
		}
		return benchParallel(c, counts)
	}
	tests, err := benchTests(c.String("test"))
	if err != nil {
		return err
	}
	kernels := []string{c.String("kernels")}
	if c.Bool("compare-ggml") {
		if kernels[0] == "off" {
			return usagef("--compare-ggml needs our kernels, which --kernels off turns off")
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
		fmt.Fprintf(c.App.ErrWriter, "pgcli: %s\n", t.name) // progress
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

// A benchTest is one thing to measure.
type benchTest struct {
	name   string
	tokens func(b *bencher) int // tokens it computes; 0 for a test without a rate
	run    func(ctx context.Context, b *bencher) (time.Duration, error)
}

// benchTests returns the tests of a list with commas.
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

// A benchRow holds the times of a test.
type benchRow struct {
	name   string
	tokens int
	times  [][]time.Duration // by side, in the order taken
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
			if i > 0 { // the first run warms up
				row.times[k] = append(row.times[k], took)
			}
		}
	}
	return row, nil
}
