package main

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/convert"
)

// outputFlags are the flags of every command that writes a model.
func outputFlags(types string) []cli.Flag {
	return []cli.Flag{
		&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "`file` to write (required)"},
		&cli.StringFlag{Name: "type", Usage: types + " (required): " + strings.Join(convert.Types(), " ")},
		&cli.StringFlag{Name: "vision-type", Usage: "`type` of vision tower and projector (default: the one that suits --type)"},
		&cli.StringFlag{Name: "embedding-type", Usage: "tensor `type` of the token embedding (default: the one that suits --type)"},
		&cli.StringSliceFlag{Name: "tensor-type", KeepSpace: true, Usage: "`REGEX=TYPE` for tensors by name; the first match decides (repeatable)"},
		&cli.StringFlag{Name: "name", Usage: "general.name (default: the name of the source)"},
		&cli.StringFlag{Name: "resample", Usage: "`filter` that stretches pictures: bicubic or bilinear (default: as in training)"},
		&cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "CPU `threads` (0: one per processor)"},
		memoryFlag(),
		&cli.StringFlag{Name: "split-max-size", Usage: "write NAME-00001-of-0000N.gguf and so on, with tensors of at most this `size` each, such as 2G or 500M (powers of 1000, as in llama.cpp), if one file has more"},
		&cli.BoolFlag{Name: "force", Usage: "replace the output if it exists"},
		&cli.BoolFlag{Name: "verify", Usage: "read the output again and compare it with the source"},
		&cli.BoolFlag{Name: "dry-run", Usage: "show what would be written, and write nothing"},
		&cli.BoolFlag{Name: "json", Usage: "print the plan as JSON"},
		&cli.PathFlag{Name: "engine", Usage: "quantize with this ggml shared `library` instead of the built-in ggml"},
	}
}

// outputOptions reads outputFlags.
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
		Usage:     "convert a PaliGemma checkpoint to a GGUF file",
		ArgsUsage: "CHECKPOINT",
		Description: `Reads a Hugging Face folder (safetensors) or a big_vision file (.npz) of
PaliGemma 1 or 2 in any size, and writes one GGUF file with everything in it.
CHECKPOINT, --tokenizer and --mask-decoder may be addresses: https://, gs:// (a public
file), kaggle:OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]/FILE; they are fetched once.
The weights of hf://USER/REPO[@REVISION] are converted as they arrive, and not kept.
The file appears under its name only when it is complete.

Examples:
  pgcli convert paligemma-3b-mix-224 -o mix-224.gguf --type q4_k_m
  pgcli convert hf://google/paligemma2-3b-mix-448 -o mix.gguf --type q4_k_m
  pgcli convert pt.npz --tokenizer tokenizer.model -o pt.gguf --type q8_0
  pgcli convert -o pt.gguf --type q8_0 \
    --tokenizer gs://big_vision/paligemma_tokenizer.model \
    kaggle:google/paligemma/jax/paligemma-3b-pt-224/paligemma-3b-pt-224.f16.npz
  pgcli convert mix -o mix.gguf --type q8_0 --mask-decoder vae-oid.npz
  pgcli convert base --lora my-adapter:0.8 -o mine.gguf --type q4_k_m --verify
  pgcli convert base -o text.gguf --type q4_0 --split-mmproj  # for llama.cpp
  pgcli convert base -o mine.gguf --split-max-size 2G  # parts; see pgcli join`,
		Flags: slices.Concat(outputFlags("`type` of the language model"), []cli.Flag{
			&cli.PathFlag{Name: "tokenizer", Usage: "`file` of the tokenizer: tokenizer.model or tokenizer.json, read alone (default: those beside the weights, with added tokens)"},
			&cli.PathFlag{Name: "mask-decoder", Usage: "`file` of the mask decoder, vae-oid.npz, for pgcli segment, such as gs://big_vision/paligemma/vae-oid.npz"},
			&cli.StringSliceFlag{Name: "lora", KeepSpace: true, Usage: "merge a LoRA adapter of PEFT, as its merge_and_unload does: `DIR[:SCALE]` (repeatable)"},
			&cli.BoolFlag{Name: "keep-checkpoint", Usage: "fetch the checkpoint of hf:// whole, and keep it in the Hub's cache (default: convert it as it arrives)"},
			&cli.BoolFlag{Name: "split-mmproj", Usage: "write two files, for llama.cpp: the language model, and mmproj-NAME beside it"},
		}, flags.HubAccessFlags()),
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
		Usage:     "change the types of the tensors in a GGUF file",
		ArgsUsage: "FILE.gguf",
		Description: `Reads a GGUF file that pgcli convert wrote as f32, f16 or bf16, and writes
another one with other types.

Examples:
  pgcli quantize model-bf16.gguf -o model-q4_k_m.gguf --type q4_k_m
  pgcli quantize model-bf16.gguf -o small.gguf --type q4_0 --embedding-type q6_k
  pgcli quantize text.gguf --mmproj mmproj.gguf -o model.gguf --type q8_0`,
		Flags: slices.Concat(outputFlags("`type` of the language model"), []cli.Flag{
			&cli.PathFlag{Name: "mmproj", Usage: "`file` of the vision tower, if FILE.gguf has the language model alone (see convert --split-mmproj)"},
			&cli.BoolFlag{Name: "allow-requantize", Usage: "accept a file that is quantized already; rounding twice loses quality"},
		}),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if src := c.Args().First(); src != "" && filepath.Ext(src) != ".gguf" {
				return usagef("%s is not a .gguf file; a checkpoint is converted with pgcli convert", src)
			}
			o := outputOptions(c)
			o.Requantize, o.Projector = c.Bool("allow-requantize"), c.Path("mmproj")
			return write(c, "FILE.gguf", o)
		},
	}
}

// adapter reads DIR[:SCALE]. A colon without a number after it is part of DIR.
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
