package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/textfile"
)

// promptRule is in the help of the commands that ask prompts.
const promptRule = `A prompt is asked as it is written, white space included. Line ends at its end are
left out, as the model adds one; <image> at its start stands for a picture; <bos>
and other control tokens are refused. Files are UTF-8, or UTF-16 with a byte order
mark.`

// jsonFields is in the help of the commands that print answers as JSON.
const jsonFields = `The fields of --json:
  prompt, image      the question
  text               the answer
  tokens             id, text and logprob of each token, by the natural logarithm;
                     spread of a <loc> token: how far off it is on average
  objects            label, box in fractions of the picture, pixels (x1 and y1
                     outside), score, codes of a mask; first and last: its tokens
  problems           parts of the answer that look like objects and are none
  stop               eos, length (-n), context (-c) or repeat (--repeats)
  timings            encode_ns: the pictures, once for all prompts; prefill_ns: the
                     prompt; decode_ns: the answer; and numbers of tokens`

// promptFlags are the flags that readPrompts reads.
func promptFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "prompt", Aliases: []string{"p"}, KeepSpace: true, Usage: "`text` of a prompt (repeatable)"},
		&cli.PathFlag{Name: "file", Aliases: []string{"f"}, Usage: "`file` with a prompt on each line; - for standard input"},
	}
}

// anyNumber is a number of pictures that is not known yet.
const anyNumber = -1

// readPrompts returns the texts of readTexts as prompts about a number of pictures. It
// refuses those that cannot be asked.
func readPrompts(c *cli.Context, words []string, pictures int) ([]paligemma.Prompt, error) {
	prompts, err := readTexts(c, words)
	if err != nil {
		return nil, err
	}
	for _, p := range prompts {
		r, err := p.Read()
		switch {
		case err != nil:
			return nil, usageError{err}
		case strings.TrimSpace(string(p)) == "":
			return nil, usagef("prompt %q is empty, want a text such as \"caption en\"", p)
		case r.Pictures > 0 && pictures != anyNumber && r.Pictures != pictures:
			return nil, usagef("prompt %q has <image> %d times, and there are %d pictures: leave it out", p, r.Pictures, pictures)
		}
	}
	return prompts, nil
}

// readTexts returns the text that words spell, the texts of -p, then the lines of the
// file of -f that are not blank.
func readTexts(c *cli.Context, words []string) ([]paligemma.Prompt, error) {
	var texts []paligemma.Prompt
	if len(words) > 0 {
		texts = append(texts, paligemma.Prompt(strings.Join(words, " ")))
	}
	for _, p := range c.StringSlice("prompt") {
		texts = append(texts, paligemma.Prompt(p))
	}
	path := c.Path("file")
	if path == "" {
		return texts, nil
	}
	lines, err := readLines(c, path)
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("prompts: %s has no line with text", path)
	}
	return append(texts, lines...), nil
}

// maxPrompts is the longest file of prompts, in bytes.
const maxPrompts = 16 << 20

// readLines returns the lines that are not blank of a text file or a pipe; - is
// standard input.
func readLines(c *cli.Context, path string) ([]paligemma.Prompt, error) {
	in := infile.Reader(c.Context, c.App.Reader)
	if path == "-" {
		path = "standard input"
	} else {
		f, err := infile.OpenStream(c.Context, path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := infile.ReadAll(textfile.NewReader(in), 0, maxPrompts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var lines []paligemma.Prompt
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			lines = append(lines, paligemma.Prompt(line))
		}
	}
	return lines, nil
}

// timingsFlag goes with commands that ask.
func timingsFlag() cli.Flag {
	return &cli.BoolFlag{Name: "timings", Usage: "print the time of each step to standard error"}
}

// grammarFlag has the default value on for commands that want objects, and off for
// commands that take any text.
func grammarFlag(value string) cli.Flag {
	return &cli.StringFlag{Name: "grammar", Value: value, Usage: "`on` or off: whether answers to detect and segment can only be objects"}
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
