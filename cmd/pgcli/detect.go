package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
)

func detectCommand() *cli.Command {
	return findCommand("detect", "find things in a picture: a box around each", paligemma.Detect, `
Prints label, score and box in pixels (left, top, right, bottom) of each thing
found: a table on a terminal, elsewhere lines with tabs between the fields. The
score estimates how well the box fits the thing, from 0 to 1. pgcli help run lists the
fields of --json. The image_id of --coco is the file's name, as a number if it is one, or
the path if two pictures have one name.

Examples:
  pgcli detect photo.jpg cat dog
  pgcli detect photo.jpg "red car" -o found.png -m model.gguf
  pgcli detect photos/*.jpg cat --keep-going --coco >results.json`)
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
		Name:      name,
		Usage:     usage,
		ArgsUsage: "IMAGE... THING...",
		Description: `Arguments that name files are pictures, which are asked about one by one; the other
arguments are the things to find; "cat ; dog" is two, as in a prompt. If a thing has the name of a file, name the
pictures with --image.

` + description[1:],
		Flags: slices.Concat([]cli.Flag{modelFlag(), imageFlag(), keepGoingFlag()},
			grouped(groupOutput, slices.Concat(objectFlags(), drawingFlags("; a folder for several pictures"), []cli.Flag{timingsFlag()})),
			grouped(groupSampling, flags.SamplingFlags("on")), modelFlags()),
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

// pictureAndThings splits the arguments. The first one is a picture, if --image names
// none; a thing may hold several with semicolons between them, as a prompt does.
func pictureAndThings(c *cli.Context) (pictures, things []string, err error) {
	pictures, args, err := picturesAndTexts(c)
	if err != nil {
		return nil, nil, err
	}
	if len(pictures) == 0 {
		if len(args) == 0 {
			return nil, nil, usagef("no picture; see pgcli help %s", c.Command.Name)
		}
		if len(args) == 1 && !flags.Exists(args[0]) {
			return nil, nil, usagef("no picture: %q is no file; name a picture and a thing, for example pgcli %s photo.jpg %s", args[0], c.Command.Name, quoted(args[0]))
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
	if _, err := prompt.Read(); err != nil {
		return flags.UsageError{Err: err}
	}
	sm, err := flags.Sampling(c)
	if err != nil {
		return err
	}
	if sm.Grammar, err = flags.Grammar(c, prompt); err != nil {
		return err
	}
	sm.AnyText = sm.Grammar == nil
	out, err := newPrinter(c, pictures, slices.Clone(things)...)
	if err != nil {
		return err
	}
	d, err := newDrawing(c, pictures)
	if err != nil {
		return err
	}
	for _, t := range things {
		if strings.Contains(t, ",") {
			tell(c.App.ErrWriter, "%q is one thing to find: several are arguments of their own, or have semicolons between them", t)
		}
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
	status := newStatus(c.App.ErrWriter)
	err = forEach(c, pictures, func(i int, path string) error {
		status.show("looking at " + oneLine(path))
		defer status.clear()
		start := time.Now()
		img, encoded, err := encodeFile(c.Context, c, model, path)
		if err != nil {
			return err
		}
		took := time.Since(start)
		r, err := session.Run(c.Context, []*paligemma.Image{encoded}, prompt, sm)
		if err != nil {
			return fmt.Errorf("picture %s: %w", path, err)
		}
		status.clear()
		r.Timings.Encode = took
		if c.Bool("timings") {
			fmt.Fprintf(c.App.ErrWriter, "encode  %8.1f ms\n", ms(took))
			printTimings(c.App.ErrWriter, r.Timings)
		}
		warnObjects(c.App.ErrWriter, path, model, r)
		if len(r.Objects) == 0 {
			tell(c.App.ErrWriter, "%s: nothing found", path)
		}
		if err := out.print(c.Context, finding{prompt, path, r, img.Bounds().Size()}); err != nil {
			return output(err)
		}
		return output(d.save(c, i, img, r.Objects))
	})
	return out.close(err)
}
