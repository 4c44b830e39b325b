package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure how fast models run",
		Description: `Runs each test once to warm up, then measures it several times:

  load        open the file, which the system has in its cache by then
  vit         a picture to soft tokens
  img+prompt  a picture and a prompt to the first token of the answer
  pp512       a prompt of 512 tokens without a picture
  tg128       128 tokens of an answer, one after the other

--parallel measures answers that are generated at the same time, for each of its
numbers. Its tests are tgN, N tokens of each answer, and reqN, whole requests of a
picture, a prompt and N tokens: tg64,req12 unless --test says otherwise. With --image
each request reads that file, too, as pgcli serve does. Work that nobody waits for,
such as a folder, gets more requests with a --patience of 2s.

Several -m, and several -t, are measured one after another. --compare-ggml measures
our kernels and ggml's in turn. It prints how many times faster ours are: the median
over the pairs of neighbouring measurements.

The fields of -o json and csv: mean_ms, median_ms and deviation_ms (standard
deviation) of a test in milliseconds; tokens_per_second, the mean; ratio, ggml's time
over ours.

Examples:
  pgcli bench -m model.gguf
  pgcli bench -m q4_0.gguf -m q8_0.gguf -t 1,2,4 -p 256 -n 32
  pgcli bench -m model.gguf -t 4 -r 10 --test vit,img+prompt -o csv
  pgcli bench -m model.gguf --compare-ggml`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringSliceFlag{Name: "model", Aliases: []string{"m"}, EnvVars: []string{modelVariable}, KeepSpace: true, Usage: "GGUF `file` of a model (repeatable; default: the embedded tiny model)"},
			&cli.StringFlag{Name: "threads", Aliases: []string{"t"}, Value: "0", Usage: "CPU `threads`, or several numbers with commas (0: one per fast physical core)"},
			&cli.StringFlag{Name: "n-prompt", Aliases: []string{"p"}, Usage: "`tokens` of the prompts to measure, with commas: 256,512 for pp256 and pp512; 0 for none"},
			&cli.StringFlag{Name: "n-gen", Aliases: []string{"n"}, Usage: "`tokens` of the answers to measure, with commas; 0 for none"},
			&cli.StringFlag{Name: "test", Value: "load,vit,img+prompt,pp512,tg128", Usage: "`tests` to run, with commas; pp and tg take any number of tokens"},
			&cli.IntFlag{Name: "repetitions", Aliases: []string{"r"}, Value: 5, Usage: "how many `times` to measure each test"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "md", Usage: "`format` of the result: md, csv or json"},
			&cli.StringFlag{Name: "parallel", Usage: "measure several answers at a time: `numbers` of them, such as 1,2,4,8"},
			&cli.PathFlag{Name: "image", Usage: "picture `file` that each request of --parallel reads (default: a picture in memory)"},
			&cli.DurationFlag{Name: "patience", Usage: "how long answers of --parallel wait for the pictures and prompts of others: a `time` such as 500ms; longer serves more requests an hour, each later", Value: paligemma.DefaultPatience},
			&cli.BoolFlag{Name: "compare-ggml", Usage: "measure ggml's kernels too, and print how many times faster ours are"},
		}, except(modelFlags(), "threads")),
		OnUsageError: wrongFlag,
		Action:       benchAction,
	}
}

// benchModels returns the files of -m, or the one of -hf; "" stands for the embedded model.
func benchModels(c *cli.Context) ([]string, error) {
	if models := c.StringSlice("model"); len(models) > 0 && c.String("hf-repo") == "" {
		return models, nil
	}
	if _, given, err := flags.HubName(c); err != nil || !given {
		return []string{""}, err
	}
	path, err := modelPath(c)
	return []string{path}, err
}

// benchAction measures models and numbers of threads one after another. With
// --compare-ggml two models are open: one side computes with our kernels, the other
// with ggml's.
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
	if c.String("parallel") != "" {
		return parallelAction(c)
	}
	if c.IsSet("image") {
		return usagef("--image goes with --parallel")
	}
	tests, err := benchTests(c)
	if err != nil {
		return err
	}
	threads, err := numbers("threads", c.String("threads"), 1024)
	if err != nil {
		return err
	}
	models, err := benchModels(c)
	if err != nil {
		return err
	}
	for _, path := range models { // before hours of measuring
		if _, err := os.Stat(path); path != "" && err != nil {
			return cmp.Or(hint(path), fmt.Errorf("model %w", err))
		}
	}
	kernels := []string{c.String("kernels")}
	if c.Bool("compare-ggml") {
		if kernels[0] == "off" {
			return usagef("--compare-ggml needs our kernels, which --kernels off turns off")
		}
		kernels = append(kernels, "off")
	}
	var rows []benchRow
	for _, path := range models {
		for _, n := range threads {
			more, err := measureModel(c, tests, path, n, kernels)
			if err != nil {
				return err
			}
			rows = append(rows, more...)
		}
	}
	if err := write(c.App.Writer, rows); err != nil || !c.Bool("compare-ggml") {
		return err
	}
	return printLimits(c.App.ErrWriter, threads[0], c.String("kernels"))
}

// printLimits measures and prints what the processor can do at most.
func printLimits(w io.Writer, threads int, level string) error {
	limits, err := paligemma.MeasureLimits(threads, level)
	if err != nil {
		return err
	}
	bfloats := ""
	if limits.BFloat > 0 {
		bfloats = fmt.Sprintf(", %.0f Gflop/s of bfloat16", limits.BFloat/1e9)
	}
	_, err = fmt.Fprintf(w, "pgcli: limits here: %.0f Gop/s of int8, %.0f Gflop/s of float32%s, reading %.1f GB/s\n",
		limits.Int8/1e9, limits.Float/1e9, bfloats, limits.Read/1e9)
	return err
}

// measureModel runs the tests of a model with a number of threads.
func measureModel(c *cli.Context, tests []benchTest, path string, threads int, kernels []string) ([]benchRow, error) {
	var sides []*bencher
	for _, k := range kernels {
		b, err := newBencher(c, path, k, threads)
		if err != nil {
			return nil, err
		}
		defer b.Close()
		sides = append(sides, b)
	}
	setup, err := sides[0].setup(c, path)
	if err != nil {
		return nil, err
	}
	busy := newStatus(c.App.ErrWriter)
	defer busy.clear()
	var rows []benchRow
	for _, t := range tests {
		if busy != nil {
			busy.show("measuring " + t.name)
		} else {
			fmt.Fprintf(c.App.ErrWriter, "pgcli: %s\n", t.name)
		}
		row, err := measure(c.Context, t, sides, c.Int("repetitions"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		row.setup = setup
		rows = append(rows, row)
	}
	return rows, nil
}

// A benchTest is one thing to measure.
type benchTest struct {
	name   string
	tokens func(b *bencher) int // tokens it computes; 0 for a test without a rate
	run    func(ctx context.Context, b *bencher) (time.Duration, error)
}

// A benchRow holds the times of a test.
type benchRow struct {
	setup  benchSetup
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
