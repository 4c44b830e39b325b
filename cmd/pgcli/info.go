package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/legible"
)

func infoCommand() *cli.Command {
	return &cli.Command{
		Name:      "info",
		Usage:     "show the content of a GGUF file",
		ArgsUsage: "FILE.gguf",
		Description: `Prints the metadata, the number and size of the tensors of each type, and the
memory that the model needs for contexts of several lengths and for several answers
at a time. Works on any GGUF file, but prints the memory only for a PaliGemma model.
In JSON, shapes have the fastest axis first, and memory is in bytes: caches for a
context, and total with weights and an f16 cache. Numbers of the metadata that are
not finite are the strings NaN, +Inf and -Inf.

Examples:
  pgcli info model.gguf
  pgcli info model.gguf --tensors
  pgcli info model.gguf --json`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "tensors", Usage: "list every tensor"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON, including every tensor"},
		},
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("info takes one file, got %q", c.Args().Slice())
			}
			if err := hint(c.Args().First()); err != nil {
				return err
			}
			f, err := gguf.Open(c.Context, c.Args().First())
			if err != nil {
				return err
			}
			defer f.Close()
			if c.Bool("json") {
				list, err := estimates(c.Context, c.Args().First())
				if err != nil {
					return err
				}
				return infoJSON(c.App.Writer, f, list)
			}
			if err := infoText(c.App.Writer, f, c.Bool("tensors")); err != nil {
				return err
			}
			list, err := estimates(c.Context, c.Args().First())
			if err != nil {
				return err
			}
			return printEstimates(c.App.Writer, list)
		},
	}
}

// infoText prints a file as text: metadata, every tensor if tensors is set, the types
// of each part, and the memory of a PaliGemma model.
func infoText(w io.Writer, f *gguf.File, tensors bool) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "GGUF version %d\t%s\n", f.Version(), size(f.Size()))
	for _, k := range f.Keys() {
		for v, err := range f.Pieces(k.Name) {
			if err != nil {
				return err
			}
			fmt.Fprintf(table, "%s\t%s\n", cell(k.Name), cell(brief(v, k.Len)))
			break // the first piece has what is shown
		}
	}
	fmt.Fprintln(table)
	if tensors {
		fmt.Fprintln(table, "TENSOR\tTYPE\tSHAPE\tSIZE")
		for _, t := range f.Tensors() {
			fmt.Fprintf(table, "%s\t%v\t%v\t%s\n", cell(t.Name), t.Type, t.Shape, size(t.Size))
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := printTypes(w, parts(f)); err != nil {
		return err
	}
	config, err := convert.ReadConfig(f)
	if err != nil {
		return nil // another model: only PaliGemma's memory is known
	}
	fmt.Fprintln(w)
	table = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CONTEXT\tCACHE f16\tCACHE f32\tWITH WEIGHTS, f16")
	for _, m := range memory(f, config) {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", m.Context, size(m.CacheF16), size(m.CacheF32), size(m.Total))
	}
	return table.Flush()
}

// cell makes text of a file fit for a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(legible.Text(s))
}

// brief spells a value; of an array of n elements, which v begins, and of a long text it
// spells the length and the beginning.
func brief(v any, n int) string {
	const most, mostText = 4, 4096
	if s, ok := v.(string); ok && len(s) > mostText {
		return fmt.Sprintf("%d bytes: %.*q ...", len(s), mostText, s)
	}
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Slice || n <= min(most, r.Len()) {
		return fmt.Sprintf("%v", v)
	}
	return fmt.Sprintf("%d values: %q ...", n, fmt.Sprint(r.Slice(0, min(most, r.Len()))))
}

// parts returns a file's tensors with the part of the model they belong to.
func parts(f *gguf.File) []convert.TensorPlan {
	var list []convert.TensorPlan
	for _, t := range f.Tensors() {
		list = append(list, convert.TensorPlan{Name: t.Name, Part: convert.PartOf(t.Name), Shape: t.Shape, Type: t.Type, Bytes: t.Size})
	}
	return list
}

// A need is the memory in bytes for a context.
type need struct {
	Context  int   `json:"context"` // tokens of pictures, prompt and answer
	CacheF16 int64 `json:"cache_f16_bytes"`
	CacheF32 int64 `json:"cache_f32_bytes"`
	Total    int64 `json:"total_f16_bytes"` // weights and float16 cache, without intermediate results
}

// memory returns the needs of contexts, from the shortest useful one to the longest.
func memory(f *gguf.File, c convert.Config) []need {
	perToken := 2 * int64(c.Layers) * int64(c.KVHeads) * int64(c.HeadDim) // elements of keys and values
	var weights int64
	for _, t := range f.Tensors() {
		weights += t.Size
	}
	var list []need
	for _, n := range []int{c.ImageTokens + 64, c.ImageTokens + 512, 2*c.ImageTokens + 512, c.Context} {
		if n <= c.Context && (len(list) == 0 || n > list[len(list)-1].Context) {
			list = append(list, need{n, 2 * perToken * int64(n), 4 * perToken * int64(n), weights + 2*perToken*int64(n)})
		}
	}
	return list
}
