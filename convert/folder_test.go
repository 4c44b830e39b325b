package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/lfs"
)

// folder makes a folder of files. A safetensors file has one tensor, named by
// the text given for it.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		data := []byte(text)
		if strings.HasSuffix(name, ".safetensors") && !strings.HasPrefix(text, lfs.Prefix) {
			data = safetensors(fmt.Sprintf(`{%q:{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, text), 4)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFolderChoosesAsTransformers compares the choice of weights with the one of
// transformers 4.44.2, 4.57.1 and 5.24.0 (_get_resolved_checkpoint_files).
func TestFolderChoosesAsTransformers(t *testing.T) {
	index := func(shard, tensor string) string {
		return fmt.Sprintf(`{"metadata":{"total_size":NaN},"weight_map":{%q:%q}}`, tensor, shard)
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // the tensor of the weights that are read, or a part of the error
		notes []string
	}{
		{"alone", map[string]string{"model.safetensors": "one"}, "one", nil},
		{"stale index", map[string]string{
			"model.safetensors": "one", indexName: index("model-1.safetensors", "old"), "model-1.safetensors": "old"},
			"one", []string{"passed over: model-1.safetensors, model.safetensors.index.json"}},
		{"index", map[string]string{indexName: index("model-1.safetensors", "new"), "model-1.safetensors": "new"}, "new", nil},
		{"index and a variant", map[string]string{
			indexName: index("model-1.safetensors", "new"), "model-1.safetensors": "new", "model.fp16.safetensors": "half"},
			"new", []string{"passed over: model.fp16.safetensors"}},
		{"pickle beside", map[string]string{"model.safetensors": "one", "pytorch_model.bin": "x"}, "one", []string{"passed over: pytorch_model.bin"}},
		{"pickle before a variant", map[string]string{"model.fp16.safetensors": "half", "pytorch_model.bin": "x"}, `transformers reads pytorch_model.bin here`, nil},
		{"pickles in parts", map[string]string{"pytorch_model.bin.index.json": "{}"}, "save_pretrained(NEW_FOLDER, safe_serialization=True)", nil},
		{"a variant alone", map[string]string{"model.fp16.safetensors": "half"}, "half", []string{"transformers would look for model.safetensors"}},
		{"an index of a variant", map[string]string{
			"model.safetensors.index.fp16.json": index("a-1.safetensors", "x"), "a-1.safetensors": "x", "a-2.safetensors": "y"},
			"x", []string{"passed over: a-2.safetensors"}},
		{"parts without an index", map[string]string{"a-1.safetensors": "x", "a-2.safetensors": "y"}, "has 2 safetensors files", nil},
		{"named by the config", map[string]string{
			"config.json": `{"transformers_weights":"mine.safetensors"}`, "model.safetensors": "one", "mine.safetensors": "mine"},
			"mine", []string{"passed over: model.safetensors"}},
		{"named outside", map[string]string{"config.json": `{"transformers_weights":"../x.safetensors"}`}, "want the name of a file in the folder", nil},
		{"adapter beside", map[string]string{"model.safetensors": "one", "adapter_config.json": "{}", "adapter_model.safetensors": "lora"},
			"one", []string{"the adapter of adapter_config.json is not merged"}},
		{"pointer", map[string]string{"model.safetensors": lfs.Prefix + "v1\noid sha256:0123\nsize 11165120\n"}, "git lfs pull", nil},
		{"pointer of the config", map[string]string{"config.json": lfs.Prefix + "v1\n"}, "git lfs pull", nil},
		{"pointer of the index", map[string]string{indexName: lfs.Prefix + "v1\n"}, "git lfs pull", nil},
		{"GPTQ", map[string]string{"config.json": `{"quantization_config":{"quant_method":"gptq","bits":4}}`, "model.safetensors": "one"}, "quantized by GPTQ", nil},
		{"bitsandbytes", map[string]string{"config.json": `{"quantization_config":{"load_in_4bit":true}}`, "model.safetensors": "one"}, "quantized by bitsandbytes", nil},
		{"compressed-tensors", map[string]string{"config.json": `{"compression_config":{"quant_method":"compressed-tensors"}}`, "model.safetensors": "one"}, "quantized by compressed-tensors", nil},
		{"a newer method", map[string]string{"config.json": `{"quantization_config":{"quant_method":"xyz"}}`, "model.safetensors": "one"}, `quantized by "xyz"`, nil},
		{"a folder of that name", map[string]string{"model-1.safetensors": "x", indexName: index("model-1.safetensors", "x")}, "x", nil},
	} {
		dir := folder(t, c.files)
		if c.name == "a folder of that name" {
			if err := os.Mkdir(filepath.Join(dir, "model.safetensors"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		ck, err := openSource(t.Context(), dir, nil)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error is %v, want %q", c.name, err, c.want)
			}
			continue
		}
		defer ck.Close()
		if got := ck.arrays()[0].name; got != c.want {
			t.Errorf("%s: read %q, want %q", c.name, got, c.want)
		}
		notes := ck.(*shards).passed
		if len(notes) != len(c.notes) || len(notes) > 0 && !strings.Contains(notes[0], c.notes[0]) {
			t.Errorf("%s: notes are %q, want %q", c.name, notes, c.notes)
		}
	}
}

// TestPointersAreNamed gives a git-lfs pointer in place of every input file.
func TestPointersAreNamed(t *testing.T) {
	dir := folder(t, map[string]string{"x": lfs.Prefix + "v1\n"})
	for _, name := range []string{"x.npz", "x.gguf", "x.safetensors", "tokenizer.model", "adapter_config.json"} {
		path := filepath.Join(dir, name)
		if err := os.Rename(filepath.Join(dir, "x"), path); err != nil {
			t.Fatal(err)
		}
		_, opened := openSource(t.Context(), path, nil)
		_, _, vocabulary := readTokenizer(path, "")
		_, adapter := readAdapterConfig(dir)
		_, model := openGGUF(t.Context(), path)
		for i, err := range []error{opened, vocabulary, model, adapter} {
			if (i < 3 || name == adapterName) && !errors.Is(err, lfs.ErrPointer) {
				t.Errorf("%s: error %d is %v", name, i, err)
			}
		}
		if err := os.Rename(path, filepath.Join(dir, "x")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestProcessorOfEitherFile reads settings of pictures as transformers 5.24.0
// does: of processor_config.json if it has them, else of preprocessor_config.json.
func TestProcessorOfEitherFile(t *testing.T) {
	const bilinear, bicubic = `{"resample":2}`, `{"resample":3,"size":{"width":224,"height":224}}`
	for _, c := range []struct {
		files map[string]string
		want  string
		notes int
	}{
		{nil, hparams.Bicubic, 0},
		{map[string]string{imageProcessorName: bilinear}, hparams.Bilinear, 0},
		{map[string]string{processorName: `{"image_processor":` + bilinear + `}`}, hparams.Bilinear, 0},
		{map[string]string{processorName: `{"image_processor":` + bilinear + `}`, imageProcessorName: bicubic}, hparams.Bilinear, 1},
		{map[string]string{processorName: `{"image_processor":` + bicubic + `}`, imageProcessorName: bilinear}, hparams.Bicubic, 1},
		{map[string]string{processorName: `{"image_processor":` + bicubic + `}`, imageProcessorName: `{"resample":3}`}, hparams.Bicubic, 0},
		{map[string]string{processorName: `{"image_processor":{}}`, imageProcessorName: bilinear}, hparams.Bicubic, 1},
		{map[string]string{processorName: `{"image_seq_length":256}`, imageProcessorName: bilinear}, hparams.Bilinear, 0},
		{map[string]string{imageProcessorName: `{"image_processor":` + bilinear + `}`}, hparams.Bilinear, 0},
	} {
		dir := folder(t, c.files)
		config, err := plan(released(t, "paligemma2-3b-224", HuggingFace), dir, 257152)
		if err != nil {
			t.Fatal(err)
		}
		notes, err := config.applyProcessor(dir)
		if err != nil || config.Resample != c.want || len(notes) != c.notes {
			t.Errorf("%v: resampling is %q, notes %q, error %v, want %q", slices.Sorted(maps.Keys(c.files)), config.Resample, notes, err, c.want)
		}
	}
}

// TestFoldersOfTransformers compares the choice of files with transformers'
// (scripts/convert/folders.py). Pickles that it reads are refused by their name.
func TestFoldersOfTransformers(t *testing.T) {
	var golden struct {
		Weights []struct {
			Files []string
			Read  string
		}
		Settings []struct {
			Files    map[string]json.RawMessage
			Resample int
		}
	}
	if err := json.Unmarshal([]byte(readText(t, "testdata/folders.json")), &golden); err != nil {
		t.Fatal(err)
	}
	for _, c := range golden.Weights {
		files := map[string]string{}
		for _, name := range c.Files {
			files[name] = name // the name of the tensor, too
		}
		if _, there := files[indexName]; there {
			const part = "model-00001-of-00001.safetensors"
			files[indexName] = fmt.Sprintf(`{"weight_map":{%q:%q}}`, part, part)
		}
		ck, err := openSource(t.Context(), folder(t, files), nil)
		pickled, _, _ := strings.Cut(c.Read, "-") // parts are read by an index
		switch {
		case strings.HasSuffix(c.Read, ".bin"):
			if err == nil || !strings.Contains(err.Error(), "transformers reads "+strings.TrimSuffix(pickled, ".bin")) {
				t.Errorf("%q: error is %v, transformers reads %s", c.Files, err, c.Read)
			}
		case err != nil:
			t.Errorf("%q: %v, transformers reads %s", c.Files, err, c.Read)
		default:
			if got := ck.arrays()[0].name; got != c.Read {
				t.Errorf("%q: read %s, transformers reads %s", c.Files, got, c.Read)
			}
			ck.Close()
		}
	}
	filters := map[int]string{pilBilinear: hparams.Bilinear, pilBicubic: hparams.Bicubic}
	for _, c := range golden.Settings {
		files := map[string]string{}
		for name, text := range c.Files {
			files[name] = string(text)
		}
		got, err := plan(released(t, "paligemma2-3b-224", HuggingFace), folder(t, files), 257152)
		if err != nil || got.Resample != filters[c.Resample] {
			t.Errorf("%s: resampling is %q, error %v, transformers has %d", files, got.Resample, err, c.Resample)
		}
	}
}
