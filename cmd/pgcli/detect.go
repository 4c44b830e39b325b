package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/grammar"
)

func detectCommand() *cli.Command {
	return findCommand("detect", "find things in a picture: a box around each", paligemma.Detect, `
Prints label, score and box in pixels (left, top, right, bottom) of each thing
found: a table on a terminal, elsewhere lines with tabs between the fields. The
score estimates how well the box fits the thing, from 0 to 1.

Examples:
  pgcli detect photo.jpg cat dog
  pgcli detect photo.jpg "red car" -o found.png -m model.gguf
  pgcli detect --image a.jpg --image b.jpg cat --coco >results.json`)
}

func segmentCommand() *cli.Command {
	return findCommand("segment", "find things in a picture: a box and a mask for each", paligemma.Segment, `
Prints boxes as pgcli detect does. -o and --svg also draw a mask for each thing,
and --coco has it as RLE, if the model has a mask decoder (see pgcli convert).

Examples:
  pgcli segment photo.jpg cat -o found.png
  pgcli segment photo.jpg cat --coco >results.json`)
}

// findCommand returns detect or segment, which differ in their prompt.
func findCommand(name, usage string, prompt func(...string) paligemma.Prompt, description string) *cli.Command {
	return &cli.Command{
		Name:        name,
		Usage:       usage,
		ArgsUsage:   "IMAGE THING...",
		Description: description[1:],
		Flags: slices.Concat([]cli.Flag{
			&cli.StringSliceFlag{Name: "image", Usage: "picture `file`, or - for standard input, instead of IMAGE (repeatable)"},
		}, drawingFlags("; a folder for several pictures"), objectFlags(), []cli.Flag{grammarFlag("on"), timingsFlag()}, modelFlags(), samplingFlags()),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			pictures, things, err := pictureAndThings(c)
			if err != nil {
				return err
			}
			return find(c, pictures, things, prompt(things...))
		},
	}
}

// pictureAndThings splits the arguments. An argument may hold several things with
// semicolons between them, as a prompt does.
func pictureAndThings(c *cli.Context) (pictures, things []string, err error) {
	pictures, args := c.StringSlice("image"), c.Args().Slice()
	if len(pictures) == 0 {
		if len(args) == 0 {
			return nil, nil, usagef("no picture; see pgcli %s --help", c.Command.Name)
		}
		pictures, args = args[:1], args[1:]
	}
	for _, arg := range args {
		for thing := range strings.SplitSeq(arg, ";") {
			thing = strings.TrimSpace(thing)
			if thing == "" || strings.ContainsAny(thing, "<>\r\n") {
				return nil, nil, usagef("%q is not a thing to find: want words without < > and line ends", arg)
			}
			things = append(things, thing)
		}
	}
	if len(things) == 0 {
		return nil, nil, usagef("nothing to find: name a thing, for example pgcli %s %s cat", c.Command.Name, pictures[0])
	}
	return pictures, things, nil
}

// find asks a prompt about each picture, and prints and draws the objects in the
// answers.
func find(c *cli.Context, pictures, things []string, prompt paligemma.Prompt) error {
	sm, err := sampling(c)
	if err != nil {
		return err
	}
	if sm.Grammar, err = promptGrammar(c, prompt); err != nil {
		return err
	}
	out, err := newPrinter(c, len(pictures), slices.Clone(things)...)
	if err != nil {
		return err
	}
	d, err := newDrawing(c, pictures)
	if err != nil {
		return err
	}
	for _, t := range things {
		d.style.Palette.Color(t)
	}
	model, err := openModel(c)
	if err != nil {
		return err
	}
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	for i, path := range pictures {
		img, err := readImage(c, model, path)
		if err != nil {
			return fmt.Errorf("picture %s: %w", path, err)
		}
		encoded, err := model.Encode(c.Context, img)
		if err != nil {
			return fmt.Errorf("picture %s: %w", path, err)
		}
		r, err := session.Run(c.Context, []*paligemma.Image{encoded}, prompt, sm)
		if err != nil {
			return err
		}
		if c.Bool("timings") {
			printTimings(c.App.ErrWriter, r.Timings)
		}
		warnObjects(c.App.ErrWriter, path, r)
		if len(r.Objects) == 0 {
			fmt.Fprintf(c.App.ErrWriter, "pgcli: %s: nothing found\n", path)
		}
		if err := out.print(finding{prompt, path, r, img.Bounds().Size()}); err != nil {
			return err
		}
		if err := d.save(c, i, img, r.Objects); err != nil {
			return err
		}
	}
	return out.close()
}

func timingsFlag() cli.Flag {
	return &cli.BoolFlag{Name: "timings", Usage: "print the time of each step to standard error"}
}

// grammarFlag has the default value on for commands that want objects, and off for
// commands that take any text.
func grammarFlag(value string) cli.Flag {
	return &cli.StringFlag{Name: "grammar", Value: value, Usage: "`on|off`: whether answers to detect and segment can only be objects"}
}

// promptGrammar returns the grammar of a prompt if the flag is on, else nil.
func promptGrammar(c *cli.Context, p paligemma.Prompt) (grammar.Grammar, error) {
	switch v := c.String("grammar"); v {
	case "on":
		return p.Grammar(), nil
	case "off":
		return nil, nil
	default:
		return nil, usagef("--grammar is %q, want on or off", v)
	}
}
