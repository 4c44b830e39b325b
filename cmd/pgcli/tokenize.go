package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/legible"
)

func tokenizeCommand() *cli.Command {
	return &cli.Command{
		Name:      "tokenize",
		Usage:     "show how a model cuts a prompt into tokens",
		ArgsUsage: "[PROMPT]",
		Description: `Prints the id and the piece of each token of a prompt, one a line, in the order in
which they follow the pictures: <bos> first, the newline that ends a prompt last.

Examples:
  pgcli tokenize "detect cat ; dog" -m model.gguf
  pgcli tokenize -m model.gguf -p "<loc0512>" --raw --json`,
		Flags: slices.Concat([]cli.Flag{modelFlag()}, flags.PromptFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "raw", Usage: "only the text, without <bos> and newline"},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON array of ids for each text"},
		}, grouped(groupModel, append(engineFlags(), projectorFlag()))),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			prompts, err := texts(c)
			if err != nil {
				return err
			}
			if len(prompts) == 0 {
				return usagef("no text: for example pgcli tokenize \"caption en\"")
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
	if ids == nil {
		ids = []int32{} // JSON's [] and not null
	}
	if c.Bool("json") {
		return json.NewEncoder(legible.JSON(c.App.Writer)).Encode(ids)
	}
	for _, id := range ids {
		if _, err := fmt.Fprintf(c.App.Writer, "%6d  %q\n", id, m.Piece(id)); err != nil {
			return err
		}
	}
	return nil
}

// texts returns the prompts to cut; with --raw any texts.
func texts(c *cli.Context) ([]paligemma.Prompt, error) {
	if c.Bool("raw") {
		return flags.Texts(c, c.Args().Slice())
	}
	return flags.Prompts(c, c.Args().Slice(), flags.AnyNumber)
}
