package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

func tokenizeCommand() *cli.Command {
	return &cli.Command{
		Name:  "tokenize",
		Usage: "show how a model cuts a prompt into tokens",
		Description: `Prints the id and the piece of each token of a prompt, one a line, in the order in
which they follow the pictures: <bos> first, the newline that ends a prompt last.

Examples:
  pgcli tokenize -m model.gguf -p "detect cat ; dog"
  pgcli tokenize -m model.gguf -p "<loc0512>" --raw --json`,
		Flags: slices.Concat(modelFlags(), promptFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "raw", Usage: "only the text, without <bos> and newline"},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON array of ids for each text"},
		}),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			prompts, err := readPrompts(c)
			if err != nil {
				return err
			}
			if len(prompts) == 0 {
				return usagef("no text: give one with -p TEXT")
			}
			model, err := openModel(c)
			if err != nil {
				return err
			}
			defer model.Close()
			for _, p := range prompts {
				if err := printTokens(c, model, p); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// printTokens prints the tokens of a prompt.
func printTokens(c *cli.Context, m *paligemma.Model, p paligemma.Prompt) error {
	ids := m.PromptIDs(p)
	if c.Bool("raw") {
		ids = m.Tokenize(string(p))
	}
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(ids)
	}
	for _, id := range ids {
		if _, err := fmt.Fprintf(c.App.Writer, "%6d  %q\n", id, m.Piece(id)); err != nil {
			return err
		}
	}
	return nil
}
