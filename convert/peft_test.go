package convert_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testrace"
)

// A peftCase is an adapter that a version of PEFT saved, and PEFT's merge of it:
// see scripts/convert/matrix.py.
type peftCase struct {
	Config json.RawMessage            `json:"config"`
	Arrays map[string]json.RawMessage `json:"arrays"` // [shape], or [shape, seed] where the seed is not the name
	// Products are scalar products of each tensor that the merge changes with the
	// weights named "probe 0", "probe 1" and "probe 2".
	Products map[string][]float64 `json:"products"`
}

// refusals are the cases that cannot be merged, by their names without the version.
var refusals = map[string]string{
	"pissa": `init_lora_weights is "pissa"`, "pissa_niter_2": `init_lora_weights is "pissa_niter_2"`, "olora": `init_lora_weights is "olora"`,
	"lora_bias without bias": "a bias to a layer that has none",
	"dora embedding":         "DoRA of an embedding scales columns", "alora": "alora_invocation_tokens applies the adapter to a part",
	"IA3": `peft_type is "IA3"`, "LoHa": `peft_type is "LOHA"`, "LoKr": `peft_type is "LOKR"`, "AdaLoRA": `peft_type is "ADALORA"`,
	"VeRA": `peft_type is "VERA"`, "LN tuning": `peft_type is "LN_TUNING"`, "OFT": `peft_type is "OFT"`, "BOFT": `peft_type is "BOFT"`,
}

// TestAdaptersEqualPEFT merges adapters of every option, as PEFT 0.12 to 0.21 save
// them, and compares all tensors with PEFT's merge_and_unload.
func TestAdaptersEqualPEFT(t *testing.T) {
	data, err := os.ReadFile("testdata/peft.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]peftCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	src := write(t, synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma), Format: convert.HuggingFace, Type: gguf.F32, Seed: 7})
	base := run(t, src, convert.Options{Type: "f32"})
	seen := map[string]bool{}
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		option := strings.SplitN(name, " ", 2)[1]
		if seen[option] = true; !testrace.Chosen(i) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			dst := filepath.Join(t.TempDir(), "out.gguf")
			o := convert.Options{Type: "f32", Adapters: []convert.Adapter{{Dir: c.write(t), Scale: 1}}}
			_, err := convert.Run(t.Context(), src, dst, o)
			if want := refusals[option]; want != "" {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error is %v, want %q", err, want)
				}
				return
			}
			if err != nil || len(c.Products) == 0 {
				t.Fatalf("%d products, error %v", len(c.Products), err)
			}
			c.compare(t, dst, base)
		})
	}
	for option := range refusals {
		if !seen[option] {
			t.Errorf("no case is named %q", option)
		}
	}
}

// write makes the adapter's folder, with values that depend on the names.
func (c peftCase) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	header, body := map[string]any{}, []byte{}
	for _, name := range slices.Sorted(maps.Keys(c.Arrays)) {
		var shape []int
		seed := name
		if err := json.Unmarshal(c.Arrays[name], &[]any{&shape, &seed}); err != nil {
			t.Fatal(err)
		}
		first := len(body)
		body = append(body, synthetic.Weights(7, seed, count(shape))...)
		header[name] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{first, len(body)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"adapter_config.json":       c.Config,
		"adapter_model.safetensors": append(safetensorsHeader(string(text)), body...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// compare checks the tensors that the merge changes against its scalar products,
// and all others against the file without an adapter.
func (c peftCase) compare(t *testing.T, path, base string) {
	t.Helper()
	got, plain := hashes(t, path), hashes(t, base)
	names := maps.Clone(plain)
	for name := range c.Products {
		names[name] = ""
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(names))) {
		t.Errorf("%d tensors, want %d; output.weight is there: %v", len(got), len(names), got["output.weight"] != "")
	}
	f := open(t, path)
	for name := range got {
		want, changed := c.Products[name]
		if !changed {
			if got[name] != plain[name] {
				t.Errorf("%s is changed, want the base model's", name)
			}
			continue
		}
		values := floats(bytesOf(t, f, name))
		for i, product := range want {
			probe := floats(synthetic.Weights(7, fmt.Sprintf("probe %d", i), len(values)))
			sum, squares, probeSquares := 0.0, 0.0, 0.0
			for k, v := range values {
				sum += float64(v) * float64(probe[k])
				squares += float64(v) * float64(v)
				probeSquares += float64(probe[k]) * float64(probe[k])
			}
			// Rounding errors of float32 are independent, so that they add up like noise.
			if limit := 1e-6 * math.Sqrt(squares*probeSquares); math.Abs(sum-product) > limit {
				t.Errorf("%s: scalar product %d is %.9g, want %.9g within %.1e", name, i, sum, product, limit)
			}
		}
	}
}

func count(shape []int) int {
	n := 1
	for _, size := range shape {
		n *= size
	}
	return n
}

func floats(data []byte) []float32 {
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values
}
