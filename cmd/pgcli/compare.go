package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/eval"
)

func compareCommand() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "measure how far one file of a model is from another, such as the one it was quantized from",
		ArgsUsage: "A.gguf B.gguf DATA.jsonl",
		Description: `Both models read A's own likeliest answers, token by token, and predict the next
token at each place. Prints the Kullback-Leibler divergence D(A||B) of B's
distribution over all tokens from A's, in nats, and how often B's likeliest token
is A's: over all places, and apart for words (and ends), <loc> and <seg> tokens.
For detect and segment each model also answers by itself, and the boxes of B are
compared with A's.

The fields of --json: for all places, words, loc and seg the number of places, the
divergence's mean, median, p99 and max, and agreement (the same likeliest token); same
(share of equal answers); boxes_a, boxes_b, box_iou and f1 of the boxes.

DATA.jsonl has the form that pgcli eval --help describes. Its expected answers
only matter with --expected.

Examples:
  pgcli compare model-f32.gguf model-q4_k_m.gguf data.jsonl --limit 500`,
		Flags: slices.Concat(dataFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "expected", Usage: "read the first expected answer of each line instead of A's own"},
		}, except(modelFlags(), "mmproj")),
		OnUsageError: wrongFlag,
		Action:       compareAction,
	}
}

// compareAction checks the data set before it opens the models. After an error or
// Ctrl-C it prints the comparison so far.
func compareAction(c *cli.Context) error {
	args := c.Args().Slice()
	set, opts, err := dataSet(c, args, "A.gguf", "B.gguf", "DATA.jsonl")
	if err != nil {
		return err
	}
	a, err := openModelFile(c, args[0], c.String("kernels"), c.Int("threads"))
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := openModelFile(c, args[1], c.String("kernels"), c.Int("threads"))
	if err != nil {
		return err
	}
	defer b.Close()
	done := opts.show(c, "comparing", set.Len())
	report, err := eval.Compare(c.Context, a, b, set, &eval.CompareOptions{
		MaxTokens: opts.MaxTokens, Failed: opts.Failed, Progress: opts.Progress, Expected: c.Bool("expected")})
	done()
	if report == nil {
		return err
	}
	if err == nil {
		err = someFailed(report.Failed, report.Examples, "lines")
		if report.Compared == 0 {
			err = fmt.Errorf("nothing is left: %d of %d lines failed", report.Failed, report.Examples)
		}
	}
	if c.Bool("json") {
		return errors.Join(err, printJSON(c.App.Writer, report))
	}
	return errors.Join(err, printComparison(c.App.Writer, report))
}

// printComparison prints a row for each kind of place that occurs, then a line about
// answers and boxes.
func printComparison(w io.Writer, r *eval.Comparison) error {
	if r.Partial {
		fmt.Fprintf(w, "PARTIAL: stopped after %d of %d\n", r.Compared+r.Failed, r.Examples)
	}
	table := [][]string{{"PLACES", "COUNT", "KL MEAN", "MEDIAN", "99 %", "MAX", "SAME TOKEN"}}
	for _, row := range []struct {
		name string
		d    eval.Divergence
	}{{"all", r.All}, {"words", r.Words}, {"loc", r.Loc}, {"seg", r.Seg}} {
		if d := row.d; d.Places > 0 {
			table = append(table, []string{row.name, fmt.Sprint(d.Places), short(d.Mean), short(d.Median), short(d.P99), short(d.Max), fmt.Sprintf("%.4f", d.Agreement)})
		}
	}
	if err := printTable(w, table); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d answers, %d left out; %.3f the same throughout; boxes: %d and %d, mean IoU %.3f, F1 %.3f\n",
		r.Compared, r.Failed, r.Same, r.BoxesA, r.BoxesB, r.BoxIoU, r.F1)
	return err
}

// short spells a divergence.
func short(v float64) string { return fmt.Sprintf("%.3g", v) }
