package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/eval"
	"github.com/pgcli/paligemma/internal/legible"
)

// dataFlags are the flags of the commands that run models over a data set.
func dataFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "limit", Usage: "stop after this number of `lines` of the data set (0: all)"},
		&cli.IntFlag{Name: "predict", Aliases: []string{"n"}, Value: eval.DefaultMaxTokens, Usage: "most `tokens` of an answer"},
		&cli.BoolFlag{Name: "keep-going", Usage: "leave out and count lines that fail, such as one whose picture is missing"},
		&cli.BoolFlag{Name: "json", Usage: "print a JSON object"},
	}
}

func evalCommand() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "measure a model on a data set",
		ArgsUsage: "DATA.jsonl",
		Description: `DATA.jsonl has a JSON object on each line:
  image     path of the picture, relative to the file's folder
  prompt    the prompt for the model
  expected  the right answer, or a list of right answers
  task      caption, answer, ocr, detect or segment (default: by the prompt)
  boxes, labels, masks
            for detect and segment: [[ymin, xmin, ymax, xmax], ...] as fractions
            of the picture, a label for each box, and for each thing the path of a
            picture as large as the one asked about, bright inside (default: the
            objects that expected spells)

Prints for each task:
  COUNT  answers
  EXACT  share of answers that equal an expected one to the letter
  VQA    accuracy by the rules of the VQA challenge, 0 to 1
  ANLS   normalized Levenshtein similarity, 0 to 1
  CIDEr  CIDEr-D, 0 to 10, with words cut at spaces
  BOX    mean intersection over union (IoU) of the boxes of things
  F1     of finding things with an IoU of 0.5 or more
  MASK   mean IoU of the masks of things
  BAD    answers to detect and segment with other text than objects, or without
         the masks asked for
  CUT    answers without an end, such as those that reached -n
  TIME   mean time of an answer, without its picture

--json has the same figures by these names in lower case, times in nanoseconds
(encode_ns and picture_ns: mean of a picture alone, and with all questions), partial
if the run was stopped, and for objects also truth (things in the pictures), found,
and how well scores rank: upper_precision and lower_precision of the two halves,
average_precision. Without --keep-going the first failure ends the run.

With --out a run that was stopped goes on where it was, if data set, model and flags
are the same: its answers are in FILE.partial, which is removed at the end. Pictures
are not compared.

Examples:
  pgcli eval data.jsonl -m model.gguf
  pgcli eval data.jsonl -m model.gguf --out answers.jsonl --json >report.json`,
		Flags: slices.Concat([]cli.Flag{modelFlag()}, dataFlags(), []cli.Flag{
			&cli.PathFlag{Name: "out", Usage: "write each answer with its scores to this `file`, as JSON lines; a run that was stopped goes on from FILE.partial"},
			&cli.BoolFlag{Name: "force", Usage: "replace the file of --out if it exists"},
			flags.GrammarFlag("off"),
		}, modelFlags()),
		OnUsageError: wrongFlag,
		Action:       evalAction,
	}
}

// evalAction checks the data set before it opens the model. After an error or Ctrl-C
// it prints the report so far.
func evalAction(c *cli.Context) error {
	set, opts, err := dataSet(c, c.Args().Slice(), "DATA.jsonl")
	if err != nil {
		return err
	}
	g, err := flags.Grammar(c, "detect x")
	if err != nil {
		return err
	}
	opts.Grammar = g != nil
	model, err := openModel(c)
	if err != nil {
		return err
	}
	defer model.Close()
	if opts.Journal, err = openJournal(c, set); err != nil {
		return err
	}
	defer opts.Journal.Close()
	done := opts.show(c, "asking", set.Len())
	report, err := eval.Run(c.Context, model, set, &opts.Options)
	done()
	err = errors.Join(err, closeJournal(c, opts.Journal, report != nil && !report.Partial))
	if report == nil {
		return err
	}
	if err == nil {
		err = someFailed(report.Failed, report.Examples, "lines")
		if report.Answered == 0 {
			err = fmt.Errorf("nothing is left: %d of %d lines failed", report.Failed, report.Examples)
		}
	}
	if c.Bool("json") {
		return errors.Join(err, printJSON(c.App.Writer, report))
	}
	return errors.Join(err, printReport(c.App.Writer, report))
}

// dataOptions are the options of a run over a data set.
type dataOptions struct {
	eval.Options
	keepGoing bool // leave out examples that fail
}

// dataSet opens the data set that the last argument names; names are the names of
// all arguments, for messages.
func dataSet(c *cli.Context, args []string, names ...string) (*eval.DataSet, dataOptions, error) {
	var o dataOptions
	switch n := c.Int("predict"); {
	case len(args) < len(names):
		return nil, o, usagef("no %s to read; see pgcli help %s", names[len(args)], c.Command.Name)
	case len(args) > len(names):
		return nil, o, usagef("%s takes %s, got also %q", c.Command.Name, strings.Join(names, " "), args[len(names):])
	case n < 1:
		return nil, o, usagef("--predict is %d, want 1 or more", n)
	case c.Int("limit") < 0:
		return nil, o, usagef("--limit is %d, want 0 or more", c.Int("limit"))
	}
	o.MaxTokens, o.keepGoing = c.Int("predict"), c.Bool("keep-going")
	set, err := eval.Open(c.Context, args[len(args)-1], c.Int("limit"))
	return set, o, err
}

// show has a run report its progress and failures on standard error. what names the
// work; done ends the report.
func (o *dataOptions) show(c *cli.Context, what string, total int) (done func()) {
	report, log, done := counting(c.App.ErrWriter, what, total)
	o.Progress = report
	if o.keepGoing {
		o.Failed = func(err error) { fmt.Fprintf(log, "pgcli: left out: %s\n", message(err)) }
	}
	return done
}

// printJSON prints v as indented JSON.
func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(legible.JSON(w))
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// printReport prints a row for each task, a line about the scores of objects for
// each task that has them, and a line about pictures.
func printReport(w io.Writer, r *eval.Report) error {
	if r.Partial {
		fmt.Fprintf(w, "PARTIAL: stopped after %d of %d\n", r.Answered+r.Failed, r.Examples)
	}
	table := [][]string{{"TASK", "COUNT", "EXACT", "VQA", "ANLS", "CIDEr", "BOX", "F1", "MASK", "BAD", "CUT", "TIME"}}
	for _, t := range r.Tasks {
		var box, f1, mask, bad = "-", "-", "-", "-"
		if o := t.Objects; o != nil {
			box, f1, mask, bad = number(&o.BoxIoU), number(&o.F1), number(o.MaskIoU), fmt.Sprint(o.Malformed)
		}
		table = append(table, []string{string(t.Task), fmt.Sprint(t.Count), number(&t.Exact), number(t.VQA), number(t.ANLS), number(t.CIDEr),
			box, f1, mask, bad, fmt.Sprint(t.Cut), fmt.Sprintf("%.1f ms", ms(t.Time))})
	}
	if err := printTable(w, table); err != nil {
		return err
	}
	for _, t := range r.Tasks {
		if o := t.Objects; o != nil && o.Found > 0 {
			fmt.Fprintf(w, "%s: %d things, %d found; precision %.3f in the upper half of scores, %.3f in the lower; average precision %.3f\n",
				t.Task, o.Truth, o.Found, o.UpperPrecision, o.LowerPrecision, o.AveragePrecision)
		}
	}
	_, err := fmt.Fprintf(w, "%d answered, %d left out; %d pictures, mean %.1f ms to encode, %.1f ms with all questions\n",
		r.Answered, r.Failed, r.Pictures, ms(r.Encode), ms(r.Picture))
	return err
}

// number spells a measure, "-" for one that does not apply.
func number(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *v)
}
