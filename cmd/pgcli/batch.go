package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/newfile"
)

func batchCommand() *cli.Command {
	return &cli.Command{
		Name:      "batch",
		Usage:     "answer prompts about folders of pictures",
		ArgsUsage: "INPUT...",
		Description: `Asks each prompt about each picture and writes a record of each answer, or failure, to
the file of -o: a JSON object on each line, in the order of the pictures. An INPUT is
  photos             a folder: its pictures and those of folders below it, by name;
                     names with a dot first are left out, links to folders not followed
  photo.jpg          a picture, or a quoted pattern such as 'photos/2024-*.jpg'
  @list.txt, -       a file, or standard input, with an INPUT on each line
` + flags.InputHelp + `
Started again, it goes on where it was stopped: the finished file is that of a run that
was not stopped, but for times. Pictures with records are asked about again only if
their bytes have changed; with --unchanged they are not read to see that. Inputs and
prompts may be added. Model and other flags must stay the same, and only
one process may write a file.

The members of a record:
  key                identifies picture, prompt, model and flags
  image, prompt      the question; image is the name as INPUT has it
  sha256             digest of the picture's bytes
  width, height      of the picture in pixels
  time               seconds from the start of the video
  model              digest of the model
  ms                 milliseconds from the prompt to the end of the answer
  masks              for each object a mask in COCO's form (RLE), or null
  error              kind and message of a failure; else the members that
                     pgcli help run lists: text, tokens, objects, problems, stop, timings
kind is read (no file), decode (no picture), context (no room for picture and
prompt), or internal.

` + promptRule + `

Examples:
  pgcli batch photos -p "caption en" -p "detect cat ; dog" -o out.jsonl \
    -m model.gguf
  pgcli batch photos -p ocr -o out.jsonl -m model.gguf --retry-failed
  find photos -name '*.jpg' | pgcli batch - -p ocr -o out.jsonl -m model.gguf
  pgcli batch photos -p ocr --shard 3/16 -o out-3.jsonl -m model.gguf`,
		Flags: slices.Concat([]cli.Flag{modelFlag()}, flags.PromptFlags(), []cli.Flag{
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "`file` of the records; a run goes on with the records that it has"},
			&cli.BoolFlag{Name: "force", Usage: "remove the records that the file of -o has"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only say how many answers are missing, and about how long they take"},
			&cli.BoolFlag{Name: "retry-failed", Usage: "ask again about pictures that failed"},
			&cli.BoolFlag{Name: "unchanged", Usage: "take pictures with records for unchanged, and do not read them again"},
			&cli.IntFlag{Name: "max-failures", Usage: "stop after more failures than this `number` (0: never)"},
			&cli.StringFlag{Name: "shard", Usage: "ask only about part `I/N` of the pictures, I from 0 to N-1: for N machines with the same inputs"},
			&cli.IntFlag{Name: "parallel", Value: batch.DefaultParallel, Usage: "`pictures` asked about at a time"},
			&cli.DurationFlag{Name: "patience", Value: batchPatience, Usage: "how long answers wait for pictures and prompts: a `time`"},
		}, flags.InputFlags(), grouped(groupSampling, flags.SamplingFlags("on")), modelFlags()),
		OnUsageError: wrongFlag,
		Action:       batchAction,
	}
}

// batchPatience is Options.Patience of a model that nobody waits for.
const batchPatience = 2 * time.Second

// batchOptions reads the flags.
func batchOptions(c *cli.Context) (*batch.Options, error) {
	opts := &batch.Options{Parallel: c.Int("parallel"), RetryFailed: c.Bool("retry-failed"), Unchanged: c.Bool("unchanged"), MaxFailures: c.Int("max-failures")}
	var err error
	if opts.Sampling, err = flags.Sampler(c); err != nil {
		return nil, err
	}
	switch {
	case opts.Parallel < 1 || opts.Parallel > 256:
		return nil, usagef("--parallel is %d, want 1 to 256", opts.Parallel)
	case opts.MaxFailures < 0:
		return nil, usagef("--max-failures is %d, want 1 or more, or 0 for no limit", opts.MaxFailures)
	case c.Duration("patience") <= 0:
		return nil, usagef("--patience is %v, want more than 0", c.Duration("patience"))
	case c.Path("output") == "":
		return nil, usagef("no -o: name the file of the records, for example -o out.jsonl")
	case c.Path("output") == "-":
		return nil, usagef("-o is -, want a file: a run that is stopped goes on with it")
	}
	if text := c.String("shard"); text != "" {
		if opts.Shard, err = batch.ParseShard(text); err != nil {
			return nil, usagef("--shard: %v", err)
		}
	}
	if opts.Prompts, err = flags.Prompts(c, nil, 1); err != nil {
		return nil, err
	}
	if len(opts.Prompts) == 0 {
		return nil, usagef("no prompt: for example pgcli batch photos -p \"caption en\" -o out.jsonl")
	}
	return opts, flags.Distinct(opts.Prompts)
}

// batchAction checks flags and inputs before it opens the model.
func batchAction(c *cli.Context) error {
	opts, err := batchOptions(c)
	if err != nil {
		return err
	}
	in, err := flags.NewInputs(c)
	if err != nil {
		return err
	}
	defer in.Close()
	path := c.Path("output")
	digest, err := modelDigest(c)
	if err != nil {
		return err
	}
	id, had := flags.Identity(c, digest), path
	if c.Bool("force") {
		had = ""
	}
	plan, err := batch.Survey(c.Context, had, id, in.Sources, opts, c.Bool("dry-run"))
	if err != nil {
		return withHint(err)
	}
	if c.Bool("dry-run") {
		return dryRun(c, plan, in.Sources, id, opts)
	}
	if input := newfile.Input(path, append(modelInputs(c), c.Path("file"))...); input != "" {
		return usagef("-o is %s, which is read (as %s)", path, input)
	}
	out, err := batch.Open(c.Context, path, id, c.Bool("force"))
	if err != nil {
		return err
	}
	defer out.Close()
	model, err := openModel(c)
	if err != nil {
		return err
	}
	defer model.Close()
	return errors.Join(runBatch(c, model, out, in.Sources, plan, opts), out.Close())
}

// runBatch runs, and says what is left.
func runBatch(c *cli.Context, m *paligemma.Model, out *batch.File, sources []batch.Source, plan *batch.Plan, opts *batch.Options) error {
	if all, _ := out.Len(); all > 0 {
		fmt.Fprintf(c.App.ErrWriter, "pgcli: going on after %d records in %s\n", all, c.Path("output"))
	}
	show, log, done := batchProgress(c.App.ErrWriter, plan)
	opts.Progress = show
	opts.Failed = failureReporter(log)
	opts.Notice = func(text string) { fmt.Fprintf(log, "pgcli: %s\n", oneLine(text)) }
	report, err := batch.Run(c.Context, m, out, sources, opts)
	done()
	if err != nil && report.Records+report.Earlier > 0 {
		fmt.Fprintf(c.App.ErrWriter, "pgcli: records so far are in %s; the same command goes on from there\n", c.Path("output"))
	}
	switch {
	case err != nil:
		return err
	case report.Failures == report.Questions && report.Failures > 0:
		return fmt.Errorf("nothing is left: all %d records are failures", report.Failures)
	}
	return someFailed(report.Failures, report.Questions, "answers")
}

// failureReporter prints why pictures failed: once, if they have no answer at all.
func failureReporter(w io.Writer) func(*record.Record) {
	last := ""
	return func(r *record.Record) {
		about := oneLine(r.Image)
		if k := r.Error.Kind; k != record.KindRead && k != record.KindDecode {
			about += fmt.Sprintf(": %q", string(r.Prompt))
		}
		if about != last {
			fmt.Fprintf(w, "pgcli: %s: %s\n", about, oneLine(r.Error.Message))
		}
		last = about
	}
}

// modelDigest returns the digest of the model that the flags name.
func modelDigest(c *cli.Context) (string, error) {
	model, err := modelPath(c)
	if err != nil {
		return "", err
	}
	for _, path := range []string{model, c.Path("mmproj")} {
		if err := hint(path); err != nil {
			return "", err
		}
	}
	busy := newStatus(c.App.ErrWriter)
	busy.show("computing the digest of the model")
	defer busy.clear()
	return flags.Digest(c.Context, model, c.Path("mmproj"))
}
