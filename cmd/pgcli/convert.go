package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/convert"
)

// outputFlags are those of every command that writes a model.
func outputFlags(types string) []cli.Flag {
	return []cli.Flag{
		&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "`file` to write"},
		&cli.StringFlag{Name: "type", Usage: types + ": " + strings.Join(convert.Types(), " ")},
		&cli.StringFlag{Name: "vision-type", Usage: "`type` of vision tower and projector (default: what goes with --type)"},
		&cli.StringFlag{Name: "embedding-type", Usage: "tensor `type` of the token embedding (default: what goes with --type)"},
		&cli.StringSliceFlag{Name: "tensor-type", Usage: "`REGEX=TYPE` for tensors by name; the first that matches decides (repeatable)"},
		&cli.StringFlag{Name: "name", Usage: "general.name (default: the name of the source)"},
		&cli.StringFlag{Name: "resample", Usage: "how pictures are stretched: bicubic or bilinear (default: as in training)"},
		&cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "CPU `threads` (0: one per processor)"},
		&cli.BoolFlag{Name: "force", Usage: "replace the output if it exists"},
		&cli.BoolFlag{Name: "verify", Usage: "read the output again and compare it with the source"},
		&cli.BoolFlag{Name: "dry-run", Usage: "show what would be written, and write nothing"},
		&cli.BoolFlag{Name: "json", Usage: "print the plan as JSON"},
		&cli.PathFlag{Name: "engine", Usage: "quantize with the ggml shared `library` given, instead of the built-in ggml"},
	}
}

func outputOptions(c *cli.Context) convert.Options {
	return convert.Options{
		Type:          c.String("type"),
		VisionType:    c.String("vision-type"),
		EmbeddingType: c.String("embedding-type"),
		TensorTypes:   c.StringSlice("tensor-type"),
		Name:          c.String("name"),
		Resample:      c.String("resample"),
		Force:         c.Bool("force"),
		Verify:        c.Bool("verify"),
		Threads:       c.Int("threads"),
		Engine:        engineOptions(c).Library,
	}
}

func convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "make a GGUF file of a PaliGemma checkpoint",
		ArgsUsage: "CHECKPOINT",
		Description: `Reads a Hugging Face folder (safetensors) or a big_vision file (.npz), of
PaliGemma 1 or 2 in any size, and writes one GGUF file with everything in it.
The file appears under its name only when it is complete.

Examples:
  pgcli convert paligemma-3b-mix-224 -o mix-224.gguf --type q4_k_m
  pgcli convert pt_224.npz --tokenizer tokenizer.model -o pt-224.gguf --type q8_0
  pgcli convert mix -o mix.gguf --type q8_0 --mask-decoder vae-oid.npz
  pgcli convert base --lora my-adapter:0.8 -o mine.gguf --type q4_k_m --verify
  pgcli convert base -o text.gguf --type q4_0 --split-mmproj   # llama.cpp's two files`,
		Flags: slices.Concat(outputFlags("`type` of the language model"), []cli.Flag{
			&cli.PathFlag{Name: "tokenizer", Usage: "tokenizer.model or tokenizer.json (`file`; default: beside the weights)"},
			&cli.PathFlag{Name: "mask-decoder", Usage: "add the decoder of masks in vae-oid.npz (`file`), for pgcli segment"},
			&cli.StringSliceFlag{Name: "lora", Usage: "merge a PEFT adapter: `DIR[:SCALE]` (repeatable)"},
			&cli.BoolFlag{Name: "split-mmproj", Usage: "write llama.cpp's two files: the language model, and mmproj-NAME beside it"},
		}),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			o := outputOptions(c)
			o.Tokenizer, o.Split = c.Path("tokenizer"), c.Bool("split-mmproj")
			o.MaskDecoder = c.Path("mask-decoder")
			for _, l := range c.StringSlice("lora") {
				a, err := adapter(l)
				if err != nil {
					return err
				}
				o.Adapters = append(o.Adapters, a)
			}
			return write(c, "CHECKPOINT", o)
		},
	}
}

func quantizeCommand() *cli.Command {
	return &cli.Command{
		Name:      "quantize",
		Usage:     "change the types of a GGUF file",
		ArgsUsage: "FILE.gguf",
		Description: `Makes another GGUF file of one that pgcli convert wrote as f32, f16 or bf16.

Examples:
  pgcli quantize model-bf16.gguf -o model-q4_k_m.gguf --type q4_k_m
  pgcli quantize model-bf16.gguf -o small.gguf --type q4_0 --embedding-type q6_k
  pgcli quantize text.gguf --mmproj mmproj-text.gguf -o model.gguf --type q8_0   # one of two`,
		Flags: slices.Concat(outputFlags("`type` of the language model"), []cli.Flag{
			&cli.PathFlag{Name: "mmproj", Usage: "the tower's `file`, when FILE.gguf is the text half of llama.cpp's two"},
			&cli.BoolFlag{Name: "allow-requantize", Usage: "accept a file that is quantized already, at a loss"},
		}),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if src := c.Args().First(); src != "" && filepath.Ext(src) != ".gguf" {
				return usagef("%s is no .gguf file; a checkpoint is converted with pgcli convert", src)
			}
			o := outputOptions(c)
			o.Requantize, o.Projector = c.Bool("allow-requantize"), c.Path("mmproj")
			return write(c, "FILE.gguf", o)
		},
	}
}

// adapter reads DIR[:SCALE]. A colon that no number follows is part of DIR.
func adapter(s string) (convert.Adapter, error) {
	a := convert.Adapter{Dir: s, Scale: 1}
	if i := strings.LastIndexByte(s, ':'); i > 0 {
		if scale, err := strconv.ParseFloat(s[i+1:], 64); err == nil {
			a.Dir, a.Scale = s[:i], scale
		}
	}
	if a.Dir == "" {
		return a, usagef("--lora is %q, want DIR or DIR:SCALE", s)
	}
	return a, nil
}

// write converts the argument to the output that the flags name.
func write(c *cli.Context, what string, o convert.Options) error {
	switch {
	case c.NArg() == 0:
		return usagef("no %s to read; see pgcli %s --help", what, c.Command.Name)
	case c.NArg() > 1:
		return usagef("%q follow %s; flags come before it, or each after its own name", c.Args().Tail(), c.Args().First())
	case c.Path("output") == "":
		return usagef("no output: give one with -o FILE.gguf")
	case o.Type == "":
		return usagef("no type: give one with --type, for example --type q4_k_m")
	}
	src, dst := c.Args().First(), c.Path("output")
	if c.Bool("dry-run") {
		plan, err := convert.MakePlan(src, dst, o)
		if err != nil {
			return withHint(err)
		}
		return printPlan(c, plan)
	}
	report, done := progress(c.App.ErrWriter)
	o.Progress = report
	r, err := convert.Run(c.Context, src, dst, o)
	done()
	if err != nil {
		return withHint(err)
	}
	if c.Bool("json") {
		return printPlan(c, r.Plan)
	}
	for _, out := range r.Outputs {
		fmt.Fprintf(c.App.ErrWriter, "pgcli: wrote %s, %s of tensors, in %.1f s\n", out.Path, size(out.Bytes()), r.Elapsed.Seconds())
	}
	if r.Verified {
		fmt.Fprintln(c.App.ErrWriter, "pgcli: verified against the source")
	}
	return nil
}

// withHint names the flag that lifts an error.
func withHint(err error) error {
	switch {
	case errors.Is(err, convert.ErrExists):
		return fmt.Errorf("%w; --force replaces it", err)
	case errors.Is(err, convert.ErrHalf):
		return fmt.Errorf("%w; pgcli quantize TEXT.gguf --mmproj MMPROJ.gguf takes both", err)
	case errors.Is(err, convert.ErrQuantized):
		return fmt.Errorf("%w; --allow-requantize accepts it", err)
	}
	return err
}

// printPlan shows the outputs of a conversion: how much of which type.
func printPlan(c *cli.Context, p *convert.Plan) error {
	if c.Bool("json") {
		out := json.NewEncoder(c.App.Writer)
		out.SetIndent("", "  ")
		return out.Encode(planJSON(p))
	}
	fmt.Fprintf(c.App.Writer, "source  %s (%s)\n", p.Source, p.Format)
	for _, o := range p.Outputs {
		fmt.Fprintf(c.App.Writer, "output  %s\n", o.Path)
		if err := printTypes(c.App.Writer, o.Tensors); err != nil {
			return err
		}
	}
	return nil
}

// printTypes sums tensors up by part and type.
func printTypes(w io.Writer, tensors []convert.TensorPlan) error {
	type key struct{ part, typ string }
	count, bytes := map[key]int{}, map[key]int64{}
	var order []key
	var total int64
	for _, t := range tensors {
		k := key{string(t.Part), t.Type.String()}
		if count[k] == 0 {
			order = append(order, k)
		}
		count[k]++
		bytes[k] += t.Bytes
		total += t.Bytes
	}
	slices.SortStableFunc(order, func(a, b key) int { return strings.Compare(a.part, b.part) })
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PART\tTYPE\tTENSORS\tSIZE")
	for _, k := range order {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", k.part, k.typ, count[k], size(bytes[k]))
	}
	fmt.Fprintf(table, "all\t\t%d\t%s\n", len(tensors), size(total))
	return table.Flush()
}

type tensorJSON struct {
	Name  string `json:"name"`
	Part  string `json:"part"`
	Shape []int  `json:"shape"`
	Type  string `json:"type"`
	Bytes int64  `json:"bytes"`
	From  string `json:"from,omitempty"`
}

// planJSON is the plan without the metadata's long arrays.
func planJSON(p *convert.Plan) any {
	type output struct {
		Path    string       `json:"path"`
		Bytes   int64        `json:"bytes"`
		Tensors []tensorJSON `json:"tensors"`
	}
	var outputs []output
	for _, o := range p.Outputs {
		out := output{Path: o.Path, Bytes: o.Bytes()}
		for _, t := range o.Tensors {
			out.Tensors = append(out.Tensors, tensorJSON{t.Name, string(t.Part), t.Shape, t.Type.String(), t.Bytes, t.From})
		}
		outputs = append(outputs, out)
	}
	return struct {
		Source  string   `json:"source"`
		Format  string   `json:"format"`
		Outputs []output `json:"outputs"`
	}{p.Source, string(p.Format), outputs}
}
