package convert_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
)

// A checkpoint of random weights stands in for a downloaded one.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c := synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma2), Format: convert.HuggingFace, Type: gguf.BF16}
	if err := c.Write(dir); err != nil {
		log.Fatal(err)
	}

	report, err := convert.Run(context.Background(), dir, filepath.Join(dir, "model.gguf"), convert.Options{Type: "f16", Verify: true})
	if err != nil {
		log.Fatal(err)
	}
	f, err := gguf.Open(context.Background(), report.Outputs[0].Path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	config, err := convert.ReadConfig(f)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.Family, config.ImageSize(), "pixels,", len(f.Tensors()), "tensors, verified:", report.Verified)
	// Output: gemma2 42 pixels, 74 tensors, verified: true
}

func ExampleVariants() {
	for _, v := range convert.Variants() {
		if v.Dims.ImageTokens == 256 {
			fmt.Printf("%-20s %d million weights\n", v.Name, v.Dims.Parameters()/1e6)
		}
	}
	// Output:
	// paligemma-3b-224     2923 million weights
	// paligemma2-3b-224    3032 million weights
	// paligemma2-10b-224   9662 million weights
	// paligemma2-28b-224   27650 million weights
}
