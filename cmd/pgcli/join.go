package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/newfile"
)

func joinCommand() *cli.Command {
	return &cli.Command{
		Name:      "join",
		Usage:     "make one GGUF file of the parts of a split one",
		ArgsUsage: "NAME-00001-of-0000N.gguf",
		Description: `Reads all parts that lie beside the one that is named, and checks that none is
missing. llama.cpp's gguf-split writes such parts.

Example:
  pgcli join mix-00001-of-00003.gguf -o mix.gguf`,
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "`file` to write (required)"},
			&cli.BoolFlag{Name: "force", Usage: "replace the output if it exists"},
		},
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			parts := gguf.Parts(c.Args().First())
			switch {
			case c.NArg() != 1:
				return usagef("join takes one part, got %q; the others are found by its name", c.Args().Slice())
			case parts == nil:
				return usagef("%s is not named as a part, want NAME-00001-of-0000N.gguf", c.Args().First())
			case c.Path("output") == "":
				return usagef("no output: give one with -o FILE.gguf")
			}
			if err := standardOutput("-o", c.Path("output")); err != nil {
				return err
			}
			if in := newfile.Input(c.Path("output"), parts...); in != "" {
				return usagef("-o is %s, which is read (as %s); write to another file", c.Path("output"), in)
			}
			if err := joinParts(c.Context, parts, c.Path("output"), c.Bool("force")); err != nil {
				return withHint(err)
			}
			fmt.Fprintf(c.App.ErrWriter, "pgcli: joined %d parts to %s\n", len(parts), c.Path("output"))
			return nil
		},
	}
}

// joinParts writes the parts of a file as one.
func joinParts(ctx context.Context, parts []string, dst string, replace bool) error {
	create := gguf.CreateNew
	if replace {
		create = gguf.Create
	}
	w, err := create(dst)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := gguf.Join(ctx, w, parts...); err != nil {
		return err
	}
	return w.Commit()
}
