package flags

import (
	"fmt"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/legible"
	"github.com/pgcli/paligemma/internal/textfile"
	"github.com/urfave/cli/v2"
)

// PromptFlags are the flags that Prompts reads.
func PromptFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "prompt", Aliases: []string{"p"}, KeepSpace: true, Usage: "`text` of a prompt (repeatable)"},
		&cli.PathFlag{Name: "file", Aliases: []string{"f"}, Usage: "`file` with a prompt on each line; - for standard input"},
	}
}

// AnyNumber is a number of pictures that is not known yet.
const AnyNumber = -1

// Prompts returns the texts of Texts as prompts about a number of pictures. It
// refuses those that cannot be asked.
func Prompts(c *cli.Context, words []string, pictures int) ([]paligemma.Prompt, error) {
	prompts, err := Texts(c, words)
	if err != nil {
		return nil, err
	}
	for _, p := range prompts {
		r, err := p.Read()
		switch {
		case err != nil:
			return nil, UsageError{err}
		case strings.TrimSpace(string(p)) == "":
			return nil, Usagef("prompt %q is empty, want a text such as \"caption en\"", p)
		case r.Pictures > 0 && pictures != AnyNumber && r.Pictures != pictures:
			return nil, Usagef("prompt %q has <image> %d times, for %s: leave it out", p, r.Pictures, legible.Count(pictures, "picture"))
		}
	}
	return prompts, nil
}

// Distinct refuses prompts of which two are the same.
func Distinct(prompts []paligemma.Prompt) error {
	seen := make(map[paligemma.Prompt]bool, len(prompts)) // a file may have a million
	for _, p := range prompts {
		if seen[p] {
			return Usagef("prompt %q is given twice", p)
		}
		seen[p] = true
	}
	return nil
}

// Texts returns the text that words spell, the texts of -p, then the lines of the
// file of -f that are not blank.
func Texts(c *cli.Context, words []string) ([]paligemma.Prompt, error) {
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
	lines, err := Lines(c, path)
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

// Lines returns the lines that are not blank of a text file or a pipe; - is
// standard input.
func Lines(c *cli.Context, path string) ([]paligemma.Prompt, error) {
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
