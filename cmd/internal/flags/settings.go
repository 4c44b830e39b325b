package flags

import (
	"flag"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
)

// settings are the flags that answers depend on: the settings of their records. -c is
// among them, as it cuts answers; the device is not, so that different machines can
// share the work.
var settings = []string{"predict", "temp", "top-k", "top-p", "min-p", "seed", "grammar", "repeats", "ctx-size", "kernels", "precise", "cache-type", "loc-scale"}

// ModelFlags are the flags of a model that its answers depend on, which have the names of
// llama.cpp's.
func ModelFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "ctx-size", Aliases: []string{"c"}, Usage: "most `tokens` of pictures, prompt and answer together (0: the tokens of a picture + 512)"},
		&cli.StringFlag{Name: "kernels", Value: "auto", Usage: "`kernels` for the CPU: auto, on (fails where they cannot run), off (ggml's alone), or a level such as avx2"},
		&cli.BoolFlag{Name: "precise", Usage: "round activations to 16 bits instead of 8, and not to bfloat16: slower; use it to check whether rounding is what hurts"},
		&cli.StringFlag{Name: "cache-type", Value: "f16", Usage: "`type` of the key-value cache: f16 or f32"},
		&cli.IntFlag{Name: "loc-scale", Value: 1024, Usage: "`coordinates` along a picture's side: 1024, or 1023 for big_vision's RefCOCO models"},
	}
}

// SetModel sets the options that ModelFlags choose.
func SetModel(c *cli.Context, opts *paligemma.Options) error {
	opts.Kernels = c.String("kernels")
	opts.Precise = c.Bool("precise")
	opts.Context = c.Int("ctx-size")
	opts.LocScale = c.Int("loc-scale")
	if opts.Precise && opts.Kernels == "off" {
		return Usagef("--precise needs our kernels, which --kernels off turns off")
	}
	if s := opts.LocScale; s != 1023 && s != 1024 && c.IsSet("loc-scale") {
		return Usagef("--loc-scale is %d, want 1024 or 1023", s)
	}
	switch t := c.String("cache-type"); t {
	case "f16", "": // a command without the flag
	case "f32":
		opts.CacheF32 = true
	default:
		return Usagef("--cache-type is %q, want f16 or f32", t)
	}
	if n := opts.Context; n < 0 || n > 1<<20 {
		return Usagef("--ctx-size is %d, want 0 or more, and not over a million", n)
	}
	return nil
}

// Identity returns what answers depend on: a model, by its Digest, and the settings of
// SamplingFlags and ModelFlags.
func Identity(c *cli.Context, model string) batch.Identity {
	id := batch.Identity{Model: model}
	for _, name := range settings {
		id.Settings = append(id.Settings, batch.Setting{Name: Dashed(name), Value: fmt.Sprint(c.Value(name))})
	}
	return id
}

// Follow returns a context with the settings of an Identity in place of the flags that
// they came from: for a worker, which answers as another program's flags say.
func Follow(c *cli.Context, id batch.Identity) (*cli.Context, error) {
	set := flag.NewFlagSet("settings", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range slices.Concat(SamplingFlags("on"), ModelFlags()) {
		if err := f.Apply(set); err != nil {
			return nil, err
		}
	}
	for i, name := range settings {
		if i >= len(id.Settings) || id.Settings[i].Name != Dashed(name) {
			return nil, fmt.Errorf("the settings %v are those of another version of this program, want %d that begin with %v", id.Settings, len(settings), settings)
		}
		if err := set.Set(name, id.Settings[i].Value); err != nil {
			return nil, fmt.Errorf("setting %s: %w", Dashed(name), err)
		}
	}
	if len(id.Settings) > len(settings) {
		return nil, fmt.Errorf("the setting %s is of another version of this program", id.Settings[len(settings)].Name)
	}
	followed := cli.NewContext(c.App, set, c)
	followed.Command = c.Command
	return followed, nil
}
