package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
)

// TestRefusedByTheReason: folders as people have them are refused by what is wrong with
// them.
func TestRefusedByTheReason(t *testing.T) {
	text := func(name, text string) func(dir string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666) }
	}
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"no config":     {func(dir string) error { return os.Remove(filepath.Join(dir, "config.json")) }, "a config.json, which is missing, has to say the width of a head"},
		"resample null": {text("preprocessor_config.json", `{"resample": null}`), "resample is null, want 3 (bicubic)"},
		"upper case": {func(dir string) error {
			return os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "Model.SafeTensors"))
		}, `did you mean one of ["Model.SafeTensors"]`},
		"web page":       {text("model.safetensors", "<!DOCTYPE html>\n<html>"), "model.safetensors is a web page in place of the file"},
		"tokenizer page": {text("tokenizer.model", "<html><body>login"), "tokenizer.model is a web page"},
		"lost blob": {func(dir string) error {
			path := filepath.Join(dir, "model.safetensors")
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink("../../blobs/0123", path)
		}, "is a link to ../../blobs/0123, which is not there"},
	} {
		dir := write(t, hf)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := convert.MakePlan(t.Context(), dir, "x.gguf", convert.Options{Type: "f16"}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestWrappersAreNamed: all names of a model that was saved inside of another begin alike.
func TestWrappersAreNamed(t *testing.T) {
	for prefix, want := range map[string]string{"_orig_mod.": "torch.compile", "module.": "DataParallel", "base_model.model.": "merge_and_unload"} {
		dir := write(t, hf)
		path := filepath.Join(dir, "model.safetensors")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"language_model.model.", "vision_tower.", "multi_modal_projector."} {
			data = rename(data, `"`+part, `"`+prefix+part)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := convert.MakePlan(t.Context(), dir, "x.gguf", convert.Options{Type: "f16"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", prefix, err, want)
		}
	}
}

// TestNoAdapterIsNamed: what is given as an adapter and is none.
func TestNoAdapterIsNamed(t *testing.T) {
	src, inside := write(t, hf), t.TempDir()
	if err := os.CopyFS(filepath.Join(inside, "default"), os.DirFS("testdata/adapter")); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		"testdata/adapter/adapter_model.safetensors": "is a file, want the folder of an adapter: testdata",
		src:    "no adapter_config.json, so it is no adapter of PEFT",
		inside: `its folders have some: ["default/adapter_config.json"]`,
	} {
		_, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32", Adapters: []convert.Adapter{{Dir: dir, Scale: 1}}})
		if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), want) {
			t.Errorf("%s: error %v, want %q", dir, err, want)
		}
	}
}
