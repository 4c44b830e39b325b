package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

// choicesFlag has the model compare given answers instead of generating one.
func choicesFlag() cli.Flag {
	return &cli.StringFlag{Name: "choices", Usage: "compare these `answers`, separated by commas, and print the probability of each"}
}

// choices reads the flag; nil if it is not set.
func choices(c *cli.Context) ([]string, error) {
	if !c.IsSet("choices") {
		return nil, nil
	}
	for _, flag := range []string{"output", "svg", "coco", "grammar", "predict", "temp", "top-k", "top-p", "min-p", "seed", "repeats"} {
		if c.IsSet(flag) {
			return nil, usagef("--choices generates nothing: it goes without --%s", flag)
		}
	}
	var list []string
	seen := map[string]bool{}
	for text := range strings.SplitSeq(c.String("choices"), ",") {
		text = strings.TrimSpace(text)
		if text == "" || seen[text] {
			return nil, usagef("--choices is %q, want answers that differ, separated by commas", c.String("choices"))
		}
		seen[text], list = true, append(list, text)
	}
	return list, nil
}

// choose prints the probabilities of the answers to a prompt, the likeliest marked.
func (a *asking) choose(c *cli.Context, v *view, p paligemma.Prompt) error {
	if err := a.session.Prefill(c.Context, v.images, p); err != nil {
		return err
	}
	list, err := a.session.Choose(c.Context, a.choices...)
	if err != nil {
		return err
	}
	if a.out.form == "json" {
		return writeJSON(c.App.Writer, struct {
			Prompt  paligemma.Prompt   `json:"prompt"`
			Choices []paligemma.Chosen `json:"choices"`
		}{p, list})
	}
	best, width := 0, 0
	for i, x := range list {
		width = max(width, len([]rune(x.Text)))
		if x.Probability > list[best].Probability {
			best = i
		}
	}
	for i, x := range list {
		mark := ""
		if i == best {
			mark = "  <"
		}
		if _, err := fmt.Fprintf(c.App.Writer, "%-*s  %6.2f %%%s\n", width, shown(c.App.Writer, x.Text), 100*x.Probability, mark); err != nil {
			return err
		}
	}
	return nil
}
