package convert_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
)

// TestAdapterIsMerged merges the adapter that scripts/convert/golden.py made.
func TestAdapterIsMerged(t *testing.T) {
	c := synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma), Type: gguf.F32, Seed: 7}
	want := goldens(t)["gemma f32 adapter"]
	for _, c.Format = range []convert.Format{convert.HuggingFace, convert.BigVision} {
		o := convert.Options{Type: "f32", Adapters: []convert.Adapter{{Dir: "testdata/adapter", Scale: 0.5}}}
		compare(t, hashes(t, run(t, write(t, c), o)), want)
	}
	// Two halves make the whole.
	c.Format = convert.HuggingFace
	half := convert.Adapter{Dir: "testdata/adapter", Scale: 0.25}
	compare(t, hashes(t, run(t, write(t, c), convert.Options{Type: "f32", Adapters: []convert.Adapter{half, half}})), want)
}

// TestNothingOfAnAdapterIsIgnored guards against parts of an adapter that are left
// out silently.
func TestNothingOfAnAdapterIsIgnored(t *testing.T) {
	src := write(t, synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma), Format: convert.HuggingFace, Type: gguf.F32, Seed: 7})
	config, err := os.ReadFile("testdata/adapter/adapter_config.json")
	if err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile("testdata/adapter/adapter_model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name           string
		config, tensor [2]string // replaced by
		scale          float64
		want           string
	}{
		{"unknown module", [2]string{}, [2]string{"layers.0.self_attn.o_proj", "layers.9.self_attn.o_proj"}, 1, "layers.9.self_attn.o_proj.lora_A.weight f32 [2 96] matches no weight"},
		{"half a pair", [2]string{}, [2]string{"o_proj.lora_B", "o_proj.lora_C"}, 1, "o_proj.lora_A.weight is there without"},
		{"bias", [2]string{}, [2]string{"linear.lora_B.weight", "linear.lora_bias"}, 1, "linear.lora_A.weight is there without"},
		{"other rank", [2]string{`"r": 2`, `"r": 3`}, [2]string{}, 1, "for rank 3"},
		{"rank of a pattern", [2]string{`"layers.0.self_attn.q_proj": 4`, `"layers.0.self_attn.q_proj": 5`}, [2]string{}, 1, "for rank 5"},
		{"DoRA", [2]string{`"use_dora": false`, `"use_dora": true`}, [2]string{}, 1, "use_dora is true, but"},
		{"bias of a layer without one", [2]string{}, [2]string{"multi_modal_projector.linear.lora_B.weight", "language_model.model.layers.0.mlp.up_proj.bias"}, 1, "up_proj.bias f32"},
		{"DoRA of half its strength", [2]string{}, [2]string{"embed_tokens.lora_embedding_B", "embed_tokens.lora_magnitude_vector"}, 0.5, "is there without"},
		{"tokens without ids", [2]string{}, [2]string{"embed_tokens.lora_embedding_A", "embed_tokens.token_adapter.trainable_tokens_delta"}, 1, "for the 0 trainable_token_indices"},
		{"tokens beyond the vocabulary", [2]string{`"rank_pattern"`, `"trainable_token_indices": [1, 9999], "rank_pattern"`},
			[2]string{"embed_tokens.lora_embedding_A", "embed_tokens.token_adapter.trainable_tokens_delta"}, 1, "trainable_token_indices"},
		{"other method", [2]string{"LORA", "IA3"}, [2]string{}, 1, `peft_type is "IA3"`},
		{"no alpha", [2]string{`"lora_alpha": 4`, `"lora_alpha": 0`}, [2]string{}, 1, "lora_alpha is 0"},
		{"bad pattern", [2]string{"layers.1.mlp.*", "layers.1.mlp.("}, [2]string{}, 1, "missing closing"},
		{"no target", [2]string{`"target_modules": `, `"target_modules": ["c_attn", "proj"], "exclude_modules": `}, [2]string{}, 1, `target_modules is ["c_attn", "proj"], which with exclude_modules and layers_to_transform leaves out`},
		{"no scale", [2]string{}, [2]string{}, 0, "scale is 0"},
		{"infinite scale", [2]string{}, [2]string{}, math.Inf(1), "scale is +Inf"},
	} {
		dir := t.TempDir()
		for name, data := range map[string][]byte{
			"adapter_config.json":       bytes.ReplaceAll(config, []byte(c.config[0]), []byte(c.config[1])),
			"adapter_model.safetensors": rename(weights, c.tensor[0], c.tensor[1]),
		} {
			if c.config[0] == "" && name == "adapter_config.json" {
				data = config
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, err := convert.MakePlan(t.Context(), src, "out.gguf", convert.Options{Type: "f32", Adapters: []convert.Adapter{{Dir: dir, Scale: c.scale}}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", c.name, err, c.want)
		}
	}
}

// rename changes names in the header of a safetensors file.
func rename(file []byte, from, to string) []byte {
	if from == "" {
		return file
	}
	n := binary.LittleEndian.Uint64(file)
	header := bytes.ReplaceAll(file[8:8+n], []byte(from), []byte(to))
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header, file[8+n:])
}

// TestAdapterReplacesWholeWeight merges an adapter that holds a whole weight.
func TestAdapterReplacesWholeWeight(t *testing.T) {
	src := write(t, hf)
	other := hf
	other.Seed = 8
	donor := write(t, other)
	want := hashes(t, run(t, src, convert.Options{Type: "f32"}))
	const name = "mm.input_projection.weight"
	want[name] = hashes(t, run(t, donor, convert.Options{Type: "f32"}))[name]
	data := bytesOf(t, open(t, run(t, donor, convert.Options{Type: "f32"})), name)

	dir := t.TempDir()
	header := `{"base_model.model.multi_modal_projector.linear.weight":{"dtype":"F32","shape":[256,96],"data_offsets":[0,98304]}}`
	file := append(safetensorsHeader(header), data...)
	for name, data := range map[string][]byte{
		"adapter_config.json":       []byte(`{"peft_type":"LORA","r":8,"lora_alpha":8,"modules_to_save":["linear"]}`),
		"adapter_model.safetensors": file,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o := convert.Options{Type: "f32", Adapters: []convert.Adapter{{Dir: dir, Scale: 1}}}
	compare(t, hashes(t, run(t, src, o)), want)
	o.Adapters[0].Scale = 2
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", o); err == nil || !strings.Contains(err.Error(), "whole weight") {
		t.Errorf("a scaled whole weight gives %v", err)
	}
}
