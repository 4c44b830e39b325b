package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/merge"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/newfile"
)

func mergeCommand() *cli.Command {
	return &cli.Command{
		Name:      "merge",
		Usage:     "join the shards of a batch to one file of records",
		ArgsUsage: "RECORDS.jsonl...",
		Description: `Writes one record for each picture and prompt. With --inputs they are in the order
of the inputs on the lines of a list, which may be any that pgcli batch takes: pictures,
folders, archives, videos. Without it they are in the order in which pgcli batch goes
through one folder.

Of two records for one question an answer goes before an error. Shards of different
models or options are refused. Names that have no record, and pictures that were not
asked every prompt, are missing: the first 20 are named, --missing writes the names of
all pictures to a file, of which pgcli batch @FILE asks about those that are files.

Exits with 3 if something is missing, or if records are errors.

Examples:
  pgcli merge shard-*.jsonl -o all.jsonl
  pgcli merge shard-*.jsonl -o all.jsonl --inputs pictures.txt \
    --missing rest.txt`,
		Flags: append([]cli.Flag{
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "write this `file`"},
			&cli.PathFlag{Name: "inputs", Usage: "check against this `list`, and keep its order; - for standard input"},
			&cli.PathFlag{Name: "missing", Usage: "write the names of what is missing to this `file`"},
			&cli.BoolFlag{Name: "force", Usage: "replace files that exist"},
		}, flags.InputFlags()...),
		OnUsageError: wrongFlag,
		Action:       mergeAction,
	}
}

func mergeAction(c *cli.Context) error {
	out, shards := c.Path("output"), c.Args().Slice()
	_, wrong := flags.ReadContainers(c)
	switch {
	case len(shards) == 0:
		return usagef("no file of records to read; see pgcli help merge")
	case wrong != nil:
		return wrong
	case out == "":
		return usagef("no file to write: give one with -o FILE")
	}
	if err := standardOutput("-o", out); err != nil {
		return err
	}
	for _, path := range []string{out, c.Path("missing")} {
		if in := newfile.Input(path, append(slices.Clone(shards), c.Path("inputs"))...); in != "" {
			return usagef("%s is read, as %s; write to another file", path, in)
		}
	}
	list, done, err := inputList(c)
	if err != nil {
		return err
	}
	defer done()
	set, err := merge.Open(c.Context, shards...)
	if err != nil {
		return err
	}
	defer set.Close()
	var report *merge.Report
	var first []merge.Missing
	unlisted := 0
	write := func(names io.Writer) error {
		last := ""
		report, err = set.Write(c.Context, out, c.Bool("force"), list, func(m merge.Missing) error {
			if len(first) < namedMissing {
				first = append(first, m)
			}
			if m.Image == last {
				return nil
			}
			last = m.Image
			if !batch.IsLine(m.Image) { // its parts would be other names
				unlisted++
				return nil
			}
			_, err := io.WriteString(names, m.Image+"\n")
			return err
		})
		return withHint(err)
	}
	if path := c.Path("missing"); path != "" {
		err = save(c, path, write)
	} else {
		err = write(io.Discard)
	}
	if err != nil {
		return err
	}
	if path := c.Path("missing"); path != "" && unlisted > 0 {
		fmt.Fprintf(c.App.ErrWriter, "pgcli: %d missing names are left out of %s, as no line can hold them: they have line ends in them\n", unlisted, path)
	}
	return merged(c, out, report, first)
}

// inputList yields the names of the pictures that the list of --inputs leads to, as pgcli
// batch finds them; it is nil without one. The caller calls done in the end.
func inputList(c *cli.Context) (list iter.Seq2[string, error], done func(), err error) {
	path := c.Path("inputs")
	if path == "" {
		return nil, func() {}, nil
	}
	in, err := flags.Listed(c, path)
	if err != nil {
		return nil, nil, err
	}
	return func(yield func(string, error) bool) {
		for _, source := range in.Sources {
			for item, err := range source.Items(c.Context) {
				if !yield(batch.Named(item).Name, err) {
					return
				}
			}
		}
		if err := context.Cause(c.Context); err != nil {
			yield("", err)
		}
	}, in.Close, nil
}

// namedMissing is how many questions without a record a message names.
const namedMissing = 20

// merged reports what was joined, and names the first questions that are missing.
func merged(c *cli.Context, out string, r *merge.Report, first []merge.Missing) error {
	w := c.App.ErrWriter
	for _, name := range r.Torn {
		fmt.Fprintf(w, "pgcli: %s: the last line is cut, and is left out: its run was stopped\n", name)
	}
	fmt.Fprintf(w, "pgcli: %d records in %s; %d duplicates are left out, and %d records of pictures that the list does not name\n", r.Records, out, r.Duplicates, r.Others)
	for _, m := range first {
		line := "pgcli: missing: " + oneLine(m.Image)
		if m.Prompt != "" {
			line += fmt.Sprintf(", prompt %q", m.Prompt)
		}
		fmt.Fprintln(w, line)
	}
	if n := r.Missing - len(first); n > 0 {
		fmt.Fprintf(w, "pgcli: missing: %d more\n", n)
	}
	if r.Missing > 0 {
		return someFailedError{fmt.Errorf("%d pictures or prompts are missing, %d records are there", r.Missing, r.Records)}
	}
	return someFailed(r.Failed, r.Records, "questions")
}
