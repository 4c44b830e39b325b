package flags

import (
	"math"
	"math/rand/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/grammar"
	"github.com/urfave/cli/v2"
)

// SamplingFlags say how tokens are chosen. They have the names of llama.cpp's flags.
// grammar is the default of --grammar.
func SamplingFlags(grammar string) []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "predict", Aliases: []string{"n"}, Usage: "most `tokens` of an answer (0: 512; -1: until it ends or the context is full)"},
		&cli.Float64Flag{Name: "temp", Usage: "`temperature`; 0 always takes the likeliest token"},
		&cli.IntFlag{Name: "top-k", Usage: "sample from the `k` likeliest tokens (0: all)"},
		&cli.Float64Flag{Name: "top-p", Value: 1, Usage: "sample from the likeliest tokens that together have this `probability`; 0 takes the likeliest token"},
		&cli.Float64Flag{Name: "min-p", Usage: "sample from tokens with at least this `fraction` of the likeliest one's probability"},
		&cli.Int64Flag{Name: "seed", Aliases: []string{"s"}, Value: -1, Usage: "`seed` of the samples (-1: a new one each time)"},
		GrammarFlag(grammar),
		&cli.BoolFlag{Name: "repeats", Usage: "go on when an answer only repeats itself; else it ends after 96 tokens that repeat a run of at most 24"},
	}
}

// Sampling reads SamplingFlags.
func Sampling(c *cli.Context) (*paligemma.Sampling, error) {
	s := &paligemma.Sampling{
		Temperature:  float32(c.Float64("temp")),
		TopK:         c.Int("top-k"),
		TopP:         float32(c.Float64("top-p")),
		MinP:         float32(c.Float64("min-p")),
		MaxTokens:    c.Int("predict"),
		AllowRepeats: c.Bool("repeats"),
		Seed:         uint64(c.Int64("seed")),
	}
	if s.TopP == 0 { // of any token to paligemma, and of the likeliest alone to other programs with this flag
		s.TopP = math.SmallestNonzeroFloat32
	}
	if n := c.Int("predict"); n < paligemma.NoLimit {
		return nil, Usagef("--predict is %d, want 1 or more, 0 for %d, or %d for no limit", n, paligemma.DefaultMaxTokens, paligemma.NoLimit)
	}
	if c.Int64("seed") == -1 {
		s.Seed = rand.Uint64()
	}
	if err := s.Check(); err != nil {
		return nil, UsageError{err}
	}
	return s, nil
}

// GrammarFlag has the default value on for commands that want objects, and off for
// commands that take any text.
func GrammarFlag(value string) cli.Flag {
	return &cli.StringFlag{Name: "grammar", Value: value, Usage: "`on` or off: whether answers to detect and segment can only be objects"}
}

// Grammar returns the grammar of a prompt if the flag is on, else nil.
func Grammar(c *cli.Context, p paligemma.Prompt) (grammar.Grammar, error) {
	switch v := c.String("grammar"); v {
	case "on":
		return p.Grammar(), nil
	case "off":
		return nil, nil
	default:
		return nil, Usagef("--grammar is %q, want on or off", v)
	}
}

// Sampler reads SamplingFlags for many prompts: the function returns how each of them is
// answered, the same in each run.
func Sampler(c *cli.Context) (func(paligemma.Prompt) *paligemma.Sampling, error) {
	s, err := Sampling(c)
	if err != nil {
		return nil, err
	}
	if _, err := Grammar(c, ""); err != nil {
		return nil, err
	}
	if s.Temperature > 0 && c.Int64("seed") == -1 {
		return nil, Usagef("--temp goes with a --seed: a run that goes on has to choose as before")
	}
	return func(p paligemma.Prompt) *paligemma.Sampling {
		own := *s
		own.Grammar, _ = Grammar(c, p) // the flag is right
		own.AnyText = own.Grammar == nil
		return &own
	}, nil
}
