package convert

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestFilesThatAreReadAreNoOutputs replaces nothing that lies beside the weights, an adapter or
// a named tokenizer and is read from there: such a file may not be the output under any name.
func TestFilesThatAreReadAreNoOutputs(t *testing.T) {
	dir := t.TempDir()
	source, other := filepath.Join(dir, "source"), filepath.Join(dir, "other")
	j := &job{ck: &names{}, plan: &Plan{Source: source}, options: Options{Force: true, Tokenizer: filepath.Join(other, "tokenizer.model")}}
	read := []string{
		"config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "model.safetensors.index.json",
		"tokenizer.model", "tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json",
	}
	for _, folder := range []string{source, other} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range read {
			path := filepath.Join(folder, name)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			alias := path + ".alias"
			if err := os.Link(path, alias); err != nil {
				t.Fatal(err)
			}
			for _, output := range []string{path, alias} {
				j.plan.Outputs = []Output{{Path: output}}
				if err := j.checkOutputs(); err == nil {
					t.Errorf("%s may be the output", output)
				}
			}
		}
	}
	j.plan.Outputs = []Output{{Path: filepath.Join(source, "MODEL.md")}}
	if err := j.checkOutputs(); err != nil {
		t.Errorf("a file that is not read: %v", err)
	}
	if !slices.Contains(j.inputs(), filepath.Join(source, "adapter_config.json")) {
		t.Error("an adapter's config is no input")
	}
}
