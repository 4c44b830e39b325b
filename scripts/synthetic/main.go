// Synthetic writes a PaliGemma checkpoint of random weights: a released size by
// its name, or any other by its dimensions.
//
//	go run ./scripts/synthetic -variant paligemma2-3b-224 -format huggingface -shards 3 -o /tmp/ckpt
//	go run ./scripts/synthetic -variant tiny -format big_vision -type f32 -o /tmp/tiny
//	go run ./scripts/synthetic -dims '{"Family":"gemma2","Vocab":1800,"Width":64, ...}' -o /tmp/mine
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "synthetic:", err)
		os.Exit(1)
	}
}

func run() error {
	var c synthetic.Checkpoint
	variant := flag.String("variant", "", "a released model: "+strings.Join(variantNames(), ", "))
	dims := flag.String("dims", "", "other sizes, as JSON with the fields of convert.Dims")
	format := flag.String("format", "huggingface", "huggingface, big_vision or gguf")
	typ := flag.String("type", "bf16", "f32, f16 or bf16")
	out := flag.String("o", "", "folder to write to")
	size := flag.Bool("size", false, "print how many bytes the weights take, and write nothing")
	flag.Uint64Var(&c.Seed, "seed", 1, "another seed gives other weights")
	flag.IntVar(&c.Shards, "shards", 0, "number of safetensors files; 0 for one without an index")
	flag.BoolVar(&c.New, "new", false, "tensor names as since transformers 4.52")
	flag.BoolVar(&c.Deflate, "deflate", false, "compress the members of the npz")
	flag.BoolVar(&c.Params, "params", false, "put params/ before the names in the npz")
	flag.Parse()

	var err error
	switch {
	case *out == "" && !*size || flag.NArg() > 0 || (*variant == "") == (*dims == ""):
		flag.Usage()
		return fmt.Errorf("want -o or -size, and either -variant or -dims")
	case *variant != "":
		c.Dims, err = findVariant(*variant)
	default:
		dec := json.NewDecoder(strings.NewReader(*dims))
		dec.DisallowUnknownFields()
		err = dec.Decode(&c.Dims)
	}
	if err != nil {
		return err
	}
	if c.Type, err = gguf.ParseType(*typ); err != nil {
		return err
	}
	if *size {
		fmt.Println(c.Dims.Parameters() * int64(c.Type.BlockBytes()))
		return nil
	}
	c.Format = convert.Format(*format)
	if err := os.MkdirAll(*out, 0o777); err != nil {
		return err
	}
	return c.Write(*out)
}

func findVariant(name string) (convert.Dims, error) {
	for _, v := range convert.Variants() {
		if v.Name == name {
			return v.Dims, nil
		}
	}
	switch name {
	case "tiny":
		return synthetic.Tiny(convert.Gemma), nil
	case "tiny2":
		return synthetic.Tiny(convert.Gemma2), nil
	}
	return convert.Dims{}, fmt.Errorf("unknown variant %q, want one of %s", name, strings.Join(variantNames(), ", "))
}

func variantNames() []string {
	names := []string{"tiny", "tiny2"}
	for _, v := range convert.Variants() {
		names = append(names, v.Name)
	}
	return names
}
