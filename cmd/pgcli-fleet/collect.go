package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/legible"
)

func collectCommand() *cli.Command {
	return &cli.Command{
		Name:      "collect",
		Usage:     "write the results of a queue to a file of records",
		ArgsUsage: "INPUT...",
		Description: `Adds the results that the file of -o does not have, and puts all records into the order of
the INPUTs, which are the same as for enqueue. A complete file is the one that pgcli batch
writes, but for times. It may be called at any time, while workers run, too; the results stay
in the queue.

Exits with 3 if something is missing, or if records are failures.

Examples:
  pgcli-fleet collect photos -o out.jsonl`,
		Flags: slices.Concat([]cli.Flag{
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "`file` of the records"},
		}, flags.InputFlags(), serverFlags()),
		Action: collectAction,
	}
}

// namedMissing is how many questions without a record a message names.
const namedMissing = 20

// collectAction takes the prompts from the queue: the file is complete when all of them have
// been asked, not only those of the last enqueue.
func collectAction(c *cli.Context) error {
	path := c.Path("output")
	if path == "" || path == "-" {
		return flags.Usagef("no -o: name the file of the records, for example -o out.jsonl")
	}
	in, err := flags.NewInputs(c)
	if err != nil {
		return err
	}
	defer in.Close()
	logger := newLog(c)
	q, nc, err := openQueue(c, logger)
	if err != nil {
		return err
	}
	defer nc.Close()
	job, err := q.Job(c.Context)
	if err != nil {
		return err
	}
	out, err := batch.Open(c.Context, path, job.Identity, false)
	if err != nil {
		return err
	}
	defer out.Close()
	n, err := q.Collect(c.Context, out, logger)
	if err != nil {
		return err
	}
	named := 0
	plan, err := out.Arrange(c.Context, in.Sources, job.Prompts, func(image string, p paligemma.Prompt) {
		if named++; named <= namedMissing {
			logger.Warn("missing", "image", image, "prompt", string(p))
		}
	})
	if err != nil {
		return err
	}
	if err := out.Close(); err != nil { // before its counts are said to be in it
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "pgcli-fleet: %d records are new in %s, which has %d of %d; %d are failures\n", n.Added, path, plan.Known, plan.Known+plan.Missing, plan.Failed)
	if plan.Missing > 0 {
		return someFailedError{fmt.Errorf("%d of %d answers are missing", plan.Missing, plan.Known+plan.Missing)}
	}
	if plan.Failed > 0 {
		return someFailedError{fmt.Errorf("%d of %d answers failed", plan.Failed, plan.Known)}
	}
	return nil
}

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show how far a queue is",
		Flags: append([]cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}}, serverFlags()...),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return flags.Usagef("status takes no arguments, got %q", c.Args().Slice())
			}
			q, nc, err := openQueue(c, newLog(c))
			if err != nil {
				return err
			}
			defer nc.Close()
			s, err := q.Status(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return json.NewEncoder(legible.JSON(c.App.Writer)).Encode(map[string]any{
					"waiting": s.Waiting, "taken": s.Taken, "age_seconds": s.Age.Seconds(), "answers": s.Answers, "failures": s.Failures, "prompts": s.Job.Prompts, "model": s.Job.Identity.Model})
			}
			_, err = fmt.Fprintf(c.App.Writer, "pictures  %d wait, %d are computed or wait for another attempt; the oldest is here for %v\nrecords   %d answers, %d failures\nmodel     %s\nprompts   %q\n",
				s.Waiting, s.Taken, s.Age.Round(time.Second), s.Answers, s.Failures, legible.Text(s.Job.Identity.Model), s.Job.Prompts)
			return err
		},
	}
}
