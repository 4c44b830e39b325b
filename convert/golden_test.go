package convert_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testrace"
)

// goldens reads the SHA-256 of every tensor of each model's F32 file, computed in
// numpy by scripts/convert/golden.py.
func goldens(t *testing.T) map[string]map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	var table map[string]map[string]string
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	for _, tensors := range table {
		for name, sum := range tensors {
			tensors[name] = "f32 " + sum
		}
	}
	return table
}

// TestTensorsEqualNumpys compares every tensor, from every format, with numpy's.
func TestTensorsEqualNumpys(t *testing.T) {
	table, i := goldens(t), 0
	for _, family := range []convert.Family{convert.Gemma, convert.Gemma2} {
		for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.BF16} {
			for name, c := range map[string]synthetic.Checkpoint{
				"hf":           {Format: convert.HuggingFace},
				"hf new":       {Format: convert.HuggingFace, New: true, Shards: 3},
				"npz":          {Format: convert.BigVision},
				"npz deflated": {Format: convert.BigVision, Deflate: true, Params: true},
			} {
				if i++; !testrace.Chosen(i) {
					continue
				}
				t.Run(strings.Join([]string{string(family), typ.String(), name}, " "), func(t *testing.T) {
					t.Parallel()
					c.Dims, c.Type, c.Seed = synthetic.Tiny(family), typ, 7
					got := hashes(t, run(t, write(t, c), convert.Options{Type: "f32"}))
					compare(t, got, table[string(family)+" "+typ.String()])
				})
			}
		}
	}
}

// TestPython converts checkpoints that numpy and safetensors wrote, to every
// type; the script that starts it reads the results with the gguf package.
func TestPython(t *testing.T) {
	dir := os.Getenv("CONVERT_PYTHON")
	if dir == "" {
		t.Skip("needs checkpoints of the Python packages: python scripts/convert/golden.py writes them and runs this test")
	}
	table := goldens(t)
	tokenizer := filepath.Join(t.TempDir(), "tokenizer.model")
	c := synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma), Format: convert.HuggingFace, Type: gguf.BF16}
	if err := os.Rename(filepath.Join(write(t, c), "tokenizer.model"), tokenizer); err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob(filepath.Join(dir, "gemma*"))
	if err != nil || len(sources) != 12 {
		t.Fatalf("found %d checkpoints, want 12: %v", len(sources), err)
	}
	for _, src := range sources {
		words := strings.Fields(strings.TrimSuffix(filepath.Base(src), ".npz"))
		types := []string{"f32"}
		if strings.HasSuffix(src, " f32 hf") {
			types = convert.Types()
		}
		for _, typ := range types {
			dst := src + " " + typ + ".gguf"
			o := convert.Options{Type: typ, VisionType: typ, Tokenizer: tokenizer, Verify: true}
			if _, err := convert.Run(t.Context(), src, dst, o); err != nil {
				t.Errorf("%s to %s: %v", src, typ, err)
				continue
			}
			if typ == "f32" {
				compare(t, hashes(t, dst), table[words[0]+" "+words[1]])
			}
		}
	}
}
