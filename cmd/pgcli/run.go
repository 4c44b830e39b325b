package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "answer prompts about pictures",
		ArgsUsage: "[IMAGE...] [PROMPT]",
		Description: `Prints the answer to each prompt. Arguments that name files are pictures, the other
words are a prompt (one with the name of a file is given with -p). The model sees all pictures at once, in the order given, then
the prompt; with --each it is asked about each picture alone. On a terminal a
table follows an answer that holds objects; -o draws the objects of all answers on
the picture.

` + promptRule + `

` + jsonFields + `

Examples:
  pgcli run photo.jpg "caption en" -m model.gguf
  pgcli run page.png -p ocr -p "answer en what is the total?" -m model.gguf
  pgcli run --each photos/*.jpg "caption en" --keep-going -m model.gguf
  cat photo.jpg | pgcli run - "detect cat ; dog" --json -m model.gguf
  pgcli run photo.jpg "segment cat" -o found.png -m model.gguf
  pgcli run photo.jpg "answer en is it raining?" --choices yes,no,unclear \
    -m model.gguf`,
		Flags: slices.Concat([]cli.Flag{modelFlag(), imageFlag()}, flags.PromptFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "each", Usage: "ask about each of several pictures alone (--each=false: about all at once, without a notice)"},
			keepGoingFlag(), choicesFlag(),
		}, grouped(groupOutput, slices.Concat(objectFlags(), drawingFlags("; a folder for several pictures"), []cli.Flag{timingsFlag()})),
			grouped(groupSampling, flags.SamplingFlags("off")), modelFlags()),
		OnUsageError: wrongFlag,
		Action:       runAction,
	}
}

// runAction checks prompts and flags before it opens the model. It encodes each
// picture once for all prompts.
func runAction(c *cli.Context) error {
	pictures, words, err := picturesAndTexts(c)
	if err != nil {
		return err
	}
	each := c.Bool("each") && len(pictures) > 1
	if c.Bool("keep-going") && !each && len(pictures) > 1 {
		return usagef("--keep-going goes with --each: without it all pictures are one question")
	}
	together := len(pictures) // in one question
	if each {
		together = 1
	}
	if c.Path("file") == "-" && slices.Contains(pictures, "-") {
		return usagef("standard input (-) is a picture or prompts (-f), not both")
	}
	prompts, err := flags.Prompts(c, words, together)
	if err != nil {
		return err
	}
	if len(prompts) == 0 {
		return usagef("no prompt: for example pgcli run photo.jpg \"caption en\"; pgcli chat asks for prompts")
	}
	asked, err := newAsking(c, pictures, each, len(prompts))
	if err != nil {
		return err
	}
	if asked.choices, err = choices(c); err != nil {
		return err
	}
	if together > 1 && !c.IsSet("each") {
		tell(c.App.ErrWriter, "each prompt is about all %d pictures at once; --each asks about each alone", together)
	}
	if err := asked.open(c); err != nil {
		return err
	}
	defer asked.close()
	if !each {
		err = asked.about(c, 0, pictures, prompts)
	} else {
		err = forEach(c, pictures, func(i int, path string) error { return asked.about(c, i, []string{path}, prompts) })
	}
	return asked.out.close(err)
}

// printTimings prints the times of a prompt and its answer.
func printTimings(w io.Writer, t paligemma.Timings) {
	fmt.Fprintf(w, "prompt  %8.1f ms, %d tokens, %.1f per second\n", ms(t.Prefill), t.PromptTokens, rate(t.PromptTokens, t.Prefill))
	fmt.Fprintf(w, "answer  %8.1f ms, %d tokens, %.1f per second\n", ms(t.Decode), t.Generated, rate(t.Generated, t.Decode))
}

// ms returns a time in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// rate returns things a second, 0 if no time passed by a clock's step: Windows' may be of milliseconds.
func rate(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
