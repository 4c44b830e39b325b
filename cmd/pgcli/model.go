package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/models"
)

// modelFlags choose a model and how it runs. They have the names of llama.cpp's
// flags.
func modelFlags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.PathFlag{Name: "model", Aliases: []string{"m"}, Usage: "GGUF `file` of the model (default: the embedded tiny model)"},
		&cli.PathFlag{Name: "mmproj", Usage: "GGUF `file` of the vision tower, if the file of -m has the language model alone"},
		&cli.IntFlag{Name: "ctx-size", Aliases: []string{"c"}, Usage: "most `tokens` of pictures, prompt and answer together (0: the tokens of a picture + 512)"},
		&cli.IntFlag{Name: "batch-size", Aliases: []string{"b"}, Value: 512, Usage: "prompt `tokens` computed at a time"},
		&cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "CPU `threads` (0: one per fast physical core; 1 for the embedded model)"},
		&cli.StringFlag{Name: "kernels", Value: "auto", Usage: "`kernels` for the CPU: auto, on (fails where they cannot run), off (ggml's alone), or a level such as avx2"},
		&cli.BoolFlag{Name: "precise", Usage: "round activations to 16 bits instead of 8: slower; use it to check whether rounding is what hurts"},
		&cli.StringFlag{Name: "device", Usage: "`device` to run on, a name from pgcli devices (default: the CPU)"},
		&cli.IntFlag{Name: "gpu-layers", Aliases: []string{"ngl"}, Usage: "0 keeps the model on the CPU; any other `number` puts the whole model on the first GPU"},
		&cli.StringFlag{Name: "cache-type", Value: "f16", Usage: "`type` of the key-value cache: f16 or f32"},
		&cli.IntFlag{Name: "loc-scale", Value: 1024, Usage: "`coordinates` along a picture's side: 1024, or 1023 for big_vision's RefCOCO models"},
		&cli.IntFlag{Name: "max-pixels", Usage: "refuse pictures with more `pixels` than this (0: 100 million)"},
	}, engineFlags())
}

// openModel opens the model that the flags name, or the embedded one.
func openModel(c *cli.Context) (*paligemma.Model, error) {
	path := c.Path("model")
	if path == "" && c.Path("mmproj") != "" {
		return nil, usagef("--mmproj goes with -m, the file of the language model")
	}
	return openModelFile(c, path, c.String("kernels"))
}

// openModelFile is openModel with the path and the kernels given. The path "" stands
// for the embedded model.
func openModelFile(c *cli.Context, path, kernels string) (*paligemma.Model, error) {
	opts := &paligemma.Options{
		Engine:    *engineOptions(c),
		Projector: c.Path("mmproj"),
		Device:    c.String("device"),
		Threads:   c.Int("threads"),
		Kernels:   kernels,
		Precise:   c.Bool("precise") && kernels != "off", // bench --compare-ggml asks for both
		Context:   c.Int("ctx-size"),
		Batch:     c.Int("batch-size"),
		LocScale:  c.Int("loc-scale"),
		MaxPixels: c.Int("max-pixels"),
	}
	if c.Bool("precise") && c.String("kernels") == "off" {
		return nil, usagef("--precise needs our kernels, which --kernels off turns off")
	}
	if s := opts.LocScale; s != 1023 && s != 1024 {
		return nil, usagef("--loc-scale is %d, want 1024 or 1023", s)
	}
	switch t := c.String("cache-type"); t {
	case "f16":
	case "f32":
		opts.CacheF32 = true
	default:
		return nil, usagef("--cache-type is %q, want f16 or f32", t)
	}
	for _, flag := range []string{"threads", "ctx-size", "batch-size", "max-pixels", "gpu-layers"} {
		if c.Int(flag) < 0 {
			return nil, usagef("--%s is %d, want 0 or more", flag, c.Int(flag))
		}
	}
	if opts.Device == "" && c.Int("gpu-layers") > 0 {
		gpu, err := firstGPU(&opts.Engine)
		if err != nil {
			return nil, err
		}
		opts.Device = gpu
	}
	if path == "" {
		return openEmbedded(c, opts)
	}
	return openOrLeave(c.Context, func() (*paligemma.Model, error) { return paligemma.Open(path, opts) })
}

// openOrLeave calls open, but returns early when ctx ends. Opening a large file that
// is not in the system's cache takes seconds. A model that opens afterwards is not
// closed, because the program ends.
func openOrLeave(ctx context.Context, open func() (*paligemma.Model, error)) (*paligemma.Model, error) {
	type result struct {
		model *paligemma.Model
		err   error
	}
	opened := make(chan result, 1)
	go func() {
		model, err := open()
		opened <- result{model, err}
	}()
	select {
	case r := <-opened:
		return r.model, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// openEmbedded opens the model that comes with the program, and says so once.
func openEmbedded(c *cli.Context, opts *paligemma.Options) (*paligemma.Model, error) {
	const said = "embedded model named"
	if c.App.Metadata[said] == nil {
		c.App.Metadata[said] = true
		fmt.Fprintln(c.App.ErrWriter, "pgcli: no -m: using the embedded tiny model, which knows drawn shapes and short words")
	}
	if opts.Threads == 0 {
		opts.Threads = 1 // a model this small gains nothing from more
	}
	return paligemma.New(models.Tiny(), opts)
}

// firstGPU returns the name of the first GPU among the devices.
func firstGPU(opts *paligemma.EngineOptions) (string, error) {
	engine, err := paligemma.LoadEngine(opts)
	if err != nil {
		return "", err
	}
	for _, d := range engine.Devices {
		if d.Kind == "gpu" || d.Kind == "igpu" {
			return d.Name, nil
		}
	}
	return "", errors.New("-ngl: no GPU among the devices; see pgcli devices")
}

// readImages reads the pictures at paths; "-" stands for standard input.
func readImages(c *cli.Context, m *paligemma.Model, paths []string) ([]image.Image, error) {
	var images []image.Image
	for _, path := range paths {
		img, err := readImage(c, m, path)
		if err != nil {
			return nil, fmt.Errorf("picture %s: %w", path, err)
		}
		images = append(images, img)
	}
	return images, nil
}

// readImage reads one picture. The error does not name the file.
func readImage(c *cli.Context, m *paligemma.Model, path string) (image.Image, error) {
	if path == "-" {
		return m.ReadImage(c.App.Reader)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("is a folder, want a picture file")
	}
	return m.ReadImage(f)
}

// promptFlags are the flags that readPrompts reads.
func promptFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "prompt", Aliases: []string{"p"}, Usage: "`text` of a prompt (repeatable)"},
		&cli.PathFlag{Name: "file", Aliases: []string{"f"}, Usage: "`file` with a prompt on each line; - for standard input"},
	}
}

// readPrompts returns the prompts of -p, then the lines of the file of -f that are
// not empty.
func readPrompts(c *cli.Context) ([]paligemma.Prompt, error) {
	var prompts []paligemma.Prompt
	for _, p := range c.StringSlice("prompt") {
		prompts = append(prompts, paligemma.Prompt(p))
	}
	path := c.Path("file")
	if path == "" {
		return prompts, nil
	}
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(c.App.Reader)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			prompts = append(prompts, paligemma.Prompt(line))
		}
	}
	return prompts, nil
}
