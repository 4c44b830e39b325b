package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/models"
)

// modelFlag names the model.
func modelFlag() cli.Flag {
	return &cli.PathFlag{Name: "model", Aliases: []string{"m"}, EnvVars: []string{modelVariable}, Usage: "GGUF `file` of the model (default: the embedded tiny model)"}
}

// modelVariable names a model for commands without -m.
const modelVariable = flags.ModelVariable

// modelFlags choose how a model runs. They have the names of llama.cpp's flags.
func modelFlags() []cli.Flag {
	return grouped(groupModel, slices.Concat([]cli.Flag{projectorFlag()}, flags.ModelFlags(), []cli.Flag{
		&cli.IntFlag{Name: "batch-size", Aliases: []string{"b"}, Value: 512, Usage: "prompt `tokens` computed at a time"},
		threadsFlag(),
		&cli.StringFlag{Name: "device", Usage: "`device` to run on, a name from pgcli devices (default: the CPU)"},
		&cli.IntFlag{Name: "gpu-layers", Aliases: []string{"ngl"}, Usage: "0 keeps the model on the CPU; any other `number` puts the whole model on the first GPU"},
		&cli.BoolFlag{Name: "no-mmap", Usage: "read the whole model instead of mapping its file: its file may change or vanish while the model runs"},
		memoryFlag(),
		&cli.IntFlag{Name: "max-pixels", Usage: "refuse pictures with more `pixels` than this (0: 100 million)"},
	}, engineFlags()))
}

func projectorFlag() cli.Flag {
	return &cli.PathFlag{Name: "mmproj", Usage: "GGUF `file` of the vision tower, if the file of -m has the language model alone (default: mmproj*.gguf beside it)"}
}

func threadsFlag() cli.Flag {
	return &cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "CPU `threads` (0: one per fast physical core; 1 for the embedded model)"}
}

// except returns flags but those of some names.
func except(flags []cli.Flag, names ...string) []cli.Flag {
	return slices.DeleteFunc(flags, func(f cli.Flag) bool {
		return slices.ContainsFunc(f.Names(), func(n string) bool { return slices.Contains(names, n) })
	})
}

// openModel opens the model that the flags name, or the embedded one.
func openModel(c *cli.Context) (*paligemma.Model, error) {
	if c.Path("model") == "" && c.String("hf-repo") == "" && c.Path("mmproj") != "" {
		return nil, usagef("--mmproj goes with -m, the file of the language model")
	}
	path, err := modelPath(c)
	if err != nil {
		return nil, err
	}
	return openModelFile(c, path, c.String("kernels"), c.Int("threads"))
}

// openModelFile is openModel with the path, the kernels and the threads given. The
// path "" stands for the embedded model.
func openModelFile(c *cli.Context, path, kernels string, threads int) (*paligemma.Model, error) {
	opts, err := modelOptions(c, kernels, threads)
	if err != nil {
		return nil, err
	}
	if path == "" {
		return openEmbedded(c, opts)
	}
	if err := hint(path); err != nil {
		return nil, err
	}
	loading := newStatus(c.App.ErrWriter)
	open := func() (*paligemma.Model, error) {
		loading.show("loading " + filepath.Base(path))
		defer loading.clear()
		return paligemma.OpenContext(c.Context, path, opts)
	}
	model, err := open()
	if err == nil || opts.Projector != "" || c.Context.Err() != nil {
		return model, err
	}
	projector, missing := flags.Projector(c.Context, path)
	if projector == "" { // not half a model, or its other half is missing
		return nil, cmp.Or(missing, err)
	}
	tell(c.App.ErrWriter, "the vision tower is %s, beside the language model", projector)
	opts.Projector = projector
	return open()
}

// modelOptions reads the flags of a model.
func modelOptions(c *cli.Context, kernels string, threads int) (*paligemma.Options, error) {
	limit, err := maxMemory(c)
	if err != nil {
		return nil, err
	}
	opts := &paligemma.Options{
		Engine:    *engineOptions(c),
		Projector: c.Path("mmproj"),
		NoMmap:    c.Bool("no-mmap"),
		Device:    c.String("device"),
		Threads:   threads,
		Batch:     c.Int("batch-size"),
		Patience:  c.Duration("patience"),
		MaxPixels: c.Int("max-pixels"),
		Logger:    notices(c),

		MemoryLimit: int(limit),
	}
	if err := flags.SetModel(c, opts); err != nil {
		return nil, err
	}
	opts.Kernels, opts.Precise = kernels, opts.Precise && kernels != "off" // bench --compare-ggml asks for both
	if threads < 0 || threads > 1024 {
		return nil, usagef("--threads is %d, want 0 to 1024", threads)
	}
	for _, flag := range []string{"batch-size", "max-pixels", "gpu-layers"} {
		if n := c.Int(flag); n < 0 || n > 1<<20 && strings.HasSuffix(flag, "-size") {
			return nil, usagef("--%s is %d, want 0 or more, and not over a million for sizes", flag, n)
		}
	}
	if opts.Device == "" && c.Int("gpu-layers") > 0 {
		gpu, err := firstGPU(&opts.Engine)
		if err != nil {
			return nil, err
		}
		opts.Device = gpu
	}
	return opts, nil
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
	return "", usagef("-ngl asks for a GPU, and there is none among the devices; see pgcli devices, or leave -ngl out")
}
