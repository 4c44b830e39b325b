package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/convert"
)

// write converts the argument, called what in messages, to the output that the
// flags name. With --dry-run it only prints the plan.
func write(c *cli.Context, what string, o convert.Options) error {
	if err := checkWrite(c, what, &o); err != nil {
		return err
	}
	src, with, err := findInput(c, &o)
	if err != nil {
		return err
	}
	dst, dry := c.Path("output"), c.Bool("dry-run")
	var r convert.Report
	err = with(func(o convert.Options) (err error) {
		if dry {
			r.Plan, err = convert.MakePlan(c.Context, src, dst, o)
			return err
		}
		report, done := progress(c.App.ErrWriter)
		defer done()
		o.Progress = report
		made, err := convert.Run(c.Context, src, dst, o)
		if err != nil {
			return noRoom(c.Context, err, src, dst, o)
		}
		r = *made
		return nil
	})
	if err != nil {
		return withHint(err)
	}
	printNotes(c, r.Plan)
	if dry || c.Bool("json") {
		return printPlan(c, r.Plan)
	}
	for _, out := range r.Outputs {
		tell(c.App.ErrWriter, "wrote %s, %s of tensors, in %.1f s", out.Path, size(out.Bytes()), r.Elapsed.Seconds())
	}
	if r.Verified {
		fmt.Fprintln(c.App.ErrWriter, "pgcli: verified against the source")
	}
	return nil
}

// checkWrite checks the argument and the flags of write, and sets the options that
// outputOptions leaves out.
func checkWrite(c *cli.Context, what string, o *convert.Options) (err error) {
	switch {
	case c.NArg() == 0:
		return usagef("no %s to read; see pgcli help %s", what, c.Command.Name)
	case c.NArg() > 1:
		return usagef("%s takes one %s, got %q; the value of a flag comes right after the flag", c.Command.Name, what, c.Args().Slice())
	}
	if first := c.Args().First(); !linked(first) {
		if err := checkpointHint(first); err != nil {
			return err
		}
	}
	switch {
	case c.Path("output") == "":
		return usagef("no output: give one with -o FILE.gguf")
	case o.Type == "":
		return usagef("no type: give one with --type, for example --type q4_k_m")
	}
	if err := standardOutput("-o", c.Path("output")); err != nil {
		return err
	}
	if n := c.Int("threads"); n < 0 || n > 1024 {
		return usagef("--threads is %d, want 0 to 1024", n)
	}
	if o.MemoryLimit, err = maxMemory(c); err != nil {
		return err
	}
	if text := c.String("split-max-size"); c.IsSet("split-max-size") {
		n, ok := parseSize(text, 1000)
		if !ok {
			return usagef("--split-max-size is %q, want a size above 0, such as 2G or 500M", text)
		}
		o.SplitMaxSize = n
	}
	return nil
}

// findInput returns the path of the argument, and fetches it and files that the options
// name if they are addresses. with calls a function with the options for the source: twice
// if a checkpoint of the Hub turns out to be needed whole.
func findInput(c *cli.Context, o *convert.Options) (src string, with func(func(convert.Options) error) error, err error) {
	if src, err = fetchLink(c, c.Args().First()); err != nil {
		return "", nil, err
	}
	for _, file := range []*string{&o.MaskDecoder, &o.Tokenizer} {
		if *file, err = fetchLink(c, *file); err != nil {
			return "", nil, err
		}
	}
	if !strings.HasPrefix(src, hubScheme) {
		return src, func(f func(convert.Options) error) error { return f(*o) }, nil
	}
	checkpoint, name, err := hubCheckpoint(c, src)
	if err != nil {
		return "", nil, err
	}
	o.Name = cmp.Or(o.Name, name)
	return checkpoint.dir, func(f func(convert.Options) error) error { return checkpoint.with(c, *o, f) }, nil
}

// printNotes says how the source was read where that may surprise.
func printNotes(c *cli.Context, p *convert.Plan) {
	for _, note := range p.Notes {
		tell(c.App.ErrWriter, "note: %s", note)
	}
}
