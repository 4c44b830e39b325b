package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/batch/export"
	"github.com/pgcli/paligemma/batch/export/parquet"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/legible"
	"github.com/pgcli/paligemma/internal/newfile"
)

// exportFormats lists the formats of pgcli export.
func exportFormats() []export.Format { return append(export.Formats(), parquet.Format()) }

func exportCommand() *cli.Command {
	var table strings.Builder
	for _, f := range exportFormats() {
		kind := "file  "
		if f.Folder {
			kind = "folder"
		}
		fmt.Fprintf(&table, "  %-12s  %s  %s\n", f.Name, kind, f.Usage)
	}
	return &cli.Command{
		Name:      "export",
		Usage:     "turn the records of a batch into the files of other programs",
		ArgsUsage: "RECORDS.jsonl...",
		Description: `RECORDS.jsonl are files of pgcli batch or pgcli merge; - is standard input. Formats:

` + table.String() + `
html, pictures and yolo read the pictures again, by the names in the records, relative
to --pictures, also from archives, tables and videos; one that changed since it was answered is
an error. A file appears only when it is complete. A folder must be new or empty.

Answers that are errors are in csv, jsonl, parquet and html. Label Studio needs
addresses of pictures: --url http://host/pictures/ goes before their names.

Examples:
  pgcli export out.jsonl --to yolo -o set --validation 0.1
  pgcli export out.jsonl --to coco -o boxes.json --label cat --min-score 0.5
  pgcli export out.jsonl --to html -o sheet`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "`format`, one of those above"},
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "write this `file` or folder"},
			&cli.StringSliceFlag{Name: "label", KeepSpace: true, Usage: "keep objects of this `label` only (repeatable); classes are numbered in this order"},
			&cli.Float64Flag{Name: "min-score", Usage: "leave out objects of a lower `score`, from 0 to 1"},
			&cli.BoolFlag{Name: "found", Usage: "leave out pictures without objects"},
			&cli.Float64Flag{Name: "validation", Usage: "yolo: `share` of pictures to validate with; 0 validates with those to train on"},
			&cli.StringFlag{Name: "url", Usage: "label-studio: `prefix` of the pictures' addresses"},
			&cli.PathFlag{Name: "pictures", Usage: "`folder` that the names of pictures are relative to (default: the working folder)"},
			&cli.IntFlag{Name: "max-pixels", Usage: "refuse pictures of more `pixels`"},
			&cli.BoolFlag{Name: "force", Usage: "replace a file that exists"},
		}, flags.ContainerFlags()...),
		OnUsageError: wrongFlag,
		Action:       exportAction,
	}
}

func exportAction(c *cli.Context) error {
	format, err := exportFormat(c.String("to"))
	if err != nil {
		return err
	}
	out := c.Path("output")
	containers, wrong := flags.ReadContainers(c)
	if err := standardOutput("-o", out); err != nil {
		return err
	}
	switch score, share := c.Float64("min-score"), c.Float64("validation"); {
	case c.NArg() == 0:
		return usagef("no file of records to read; see pgcli help export")
	case out == "":
		return usagef("no file or folder to write: give one with -o")
	case newfile.Input(out, c.Args().Slice()...) != "":
		return usagef("%s is read; write to another file", out)
	case !(score >= 0 && score <= 1):
		return usagef("--min-score is %v, want 0 to 1", score)
	case wrong != nil:
		return wrong
	case !(share >= 0 && share < 1):
		return usagef("--validation is %v, want 0 to less than 1", share)
	}
	pictures := &exportPictures{folder: c.Path("pictures"), containers: containers}
	defer pictures.close()
	o := &export.Options{MinScore: float32(c.Float64("min-score")), Found: c.Bool("found"), Validation: c.Float64("validation"), Replace: c.Bool("force"),
		Read:      pictures.read,
		MaxPixels: c.Int("max-pixels")}
	if c.IsSet("label") {
		o.Labels = c.StringSlice("label")
	}
	if prefix := c.String("url"); prefix != "" {
		o.URL = func(name string) string { return address(prefix, name) }
	}
	report, err := export.Run(c.Context, format, out, records(c, c.Args().Slice()), o)
	if err != nil && format.Folder {
		return err // no flag lets it replace one
	}
	if err != nil {
		return withHint(err)
	}
	exported(c.App.ErrWriter, out, report)
	return nil
}

// exportFormat finds a format by its name.
func exportFormat(name string) (export.Format, error) {
	var names []string
	for _, f := range exportFormats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	if name == "" {
		return export.Format{}, usagef("no format: give one with --to, one of %s", strings.Join(names, ", "))
	}
	return export.Format{}, usagef("--to is %q, want one of %s", name, strings.Join(names, ", "))
}

// records yields the records of files one after the other. A last line that was torn is
// left out, and said so.
func records(c *cli.Context, paths []string) iter.Seq2[*record.Record, error] {
	return func(yield func(*record.Record, error) bool) {
		for _, path := range paths {
			if !recordsOf(c, path, yield) {
				return
			}
		}
	}
}

// recordsOf yields the records of a file; it reports whether to go on.
func recordsOf(c *cli.Context, path string, yield func(*record.Record, error) bool) bool {
	var in io.Reader = infile.Reader(c.Context, c.App.Reader)
	if path != "-" {
		f, err := infile.OpenStream(c.Context, path)
		if err != nil {
			yield(nil, fmt.Errorf("records %s: %w", path, cause(err)))
			return false
		}
		defer f.Close()
		in = f
	}
	for r, err := range record.NewReader(in, path).All() {
		if errors.Is(err, record.ErrTorn) {
			fmt.Fprintf(c.App.ErrWriter, "pgcli: %s: the last line is cut, and is left out: its run was stopped\n", path)
			return true
		}
		if !yield(r, err) || err != nil {
			return false
		}
	}
	return true
}

// address returns a picture's address: a prefix and its name, escaped. A name that is
// an address stays.
func address(prefix, name string) string {
	if strings.Contains(name, "://") {
		return name
	}
	parts := strings.Split(strings.TrimLeft(filepath.ToSlash(name), "./"), "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return prefix + strings.Join(parts, "/")
}

// exported reports what was written, and what was left out.
func exported(w io.Writer, out string, r *export.Report) {
	fmt.Fprintf(w, "pgcli: %s has %s, %s, %s\n", out, legible.Count(r.Pictures, "picture"), legible.Count(r.Answers, "answer"), legible.Count(r.Objects, "object"))
	if r.Failed > 0 {
		fmt.Fprintf(w, "pgcli: %d answers are errors, and %d pictures have no other; formats of pictures leave these out\n", r.Failed, r.Unsized)
	}
	if r.Unmasked > 0 {
		fmt.Fprintf(w, "pgcli: %d masks are left out, and only their boxes written: the model had no mask decoder\n", r.Unmasked)
	}
}
