package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testhub"
)

// folderFiles returns the files of a folder that match a pattern, by name.
func folderFiles(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	names, _ := filepath.Glob(pattern)
	for _, name := range names {
		data, err := os.ReadFile(name)
		must(t, err)
		files[filepath.Base(name)] = data
	}
	if len(files) == 0 {
		t.Fatalf("%s: no files", pattern)
	}
	return files
}

// converted converts the oracle's checkpoint and returns the files that were written.
func converted(t *testing.T, name string, flags ...string) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"convert", "../../testdata/oracle/pg1-a", "-o", filepath.Join(dir, name), "--name", "x"}, flags...)
	if _, errs, code := pgcli(t, args...); code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	return folderFiles(t, filepath.Join(dir, "*.gguf"))
}

// caption answers about a picture with few tokens of a model.
func caption(t *testing.T, flags ...string) (string, string) {
	t.Helper()
	out, errs, code := pgcli(t, append([]string{"run", "demo/scene-05.jpg", "caption en", "-n", "3", "-t", "1"}, flags...)...)
	if code != 0 {
		t.Fatalf("%q: code %d: %s", flags, code, errs)
	}
	return out, errs
}

// TestEveryKindOfRepository answers from each kind as from the local file, then offline.
func TestEveryKindOfRepository(t *testing.T) {
	local := t.TempDir()
	h := &testhub.Hub{}
	atHub(t, h)
	for name, data := range converted(t, "x-q8_0.gguf", "--type", "q8_0") {
		must(t, os.WriteFile(filepath.Join(local, name), data, 0o600))
	}
	want, _ := caption(t, "-m", filepath.Join(local, "x-q8_0.gguf"))
	one := folderFiles(t, filepath.Join(local, "*"))
	one["x-f32.gguf"] = []byte("another type")
	kinds := map[string]map[string][]byte{
		"GGUF":         one,
		"two files":    converted(t, "m-q8_0.gguf", "--type", "q8_0", "--split-mmproj"),
		"parts":        converted(t, "m-q8_0.gguf", "--type", "q8_0", "--split-max-size", "300k"),
		"safetensors":  checkpoint(t),
		"mask decoder": maps.Clone(checkpoint(t)),
	}
	if n := len(kinds["parts"]); n < 2 {
		t.Fatalf("%d parts", n)
	}
	masks := folderFiles(t, "../../models/tiny/vae.npz")
	for kind, files := range kinds {
		t.Run(kind, func(t *testing.T) {
			h := atHub(t, &testhub.Hub{Files: files})
			if kind == "mask decoder" {
				h.More = map[string]map[string][]byte{maskSpace: {maskFile: masks["vae.npz"]}}
			}
			model := testhub.Repo + ":q8_0@" + testhub.Commit
			got, errs := caption(t, "-hf", model)
			if got != want {
				t.Errorf("answer %q, want %q; %s", got, want, errs)
			}
			if has := !strings.Contains(errs, "no mask decoder"); kind == "mask decoder" != (has && strings.Contains(errs, "converted")) {
				t.Errorf("mask decoder: %s", errs)
			}
			again, _ := caption(t, "-hf", testhub.Repo+":Q8_0@"+testhub.Commit, "--offline")
			if again != want {
				t.Errorf("offline %q, want %q", again, want)
			}
			if h.Close(); kind == "GGUF" { // one is enough: it tries three times
				if last, _ := caption(t, "-hf", model); last != want {
					t.Errorf("without the Hub %q, want %q", last, want)
				}
			}
			weights, _ := filepath.Glob(filepath.Join(os.Getenv("HF_HOME"), "hub", "models--maker--model", "snapshots", "*", "*.safetensors"))
			if len(weights) > 0 {
				t.Errorf("the checkpoint is kept: %q", weights)
			}
		})
	}
}

// TestAdapterRepository merges an adapter of the Hub into the model that it names.
func TestAdapterRepository(t *testing.T) {
	base := t.TempDir()
	c := synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma), Format: convert.HuggingFace, Type: gguf.F32, Seed: 7, Shards: 2}
	must(t, c.Write(base))
	adapter := folderFiles(t, "../../convert/testdata/adapter/*")
	adapter[adapterName] = bytes.Replace(adapter[adapterName], []byte("{"), []byte(`{"base_model_name_or_path": "someone/base", "revision": null,`), 1)
	h := atHub(t, &testhub.Hub{Files: adapter, More: map[string]map[string][]byte{"someone/base": folderFiles(t, filepath.Join(base, "*"))}})
	dir := t.TempDir()
	want, got := filepath.Join(dir, "want.gguf"), filepath.Join(dir, "got.gguf")
	for _, args := range [][]string{{base, "--lora", "../../convert/testdata/adapter", "-o", want}, {"hf://" + testhub.Repo, "-o", got}} {
		_, errs, code := pgcli(t, append([]string{"convert", "--type", "f32", "--name", "x"}, args...)...)
		if code != 0 {
			t.Fatalf("code %d: %s", code, errs)
		}
		if args[0] != base && !strings.Contains(errs, "merged into someone/base") {
			t.Errorf("nothing about the base: %s", errs)
		}
	}
	a, err := os.ReadFile(want)
	must(t, err)
	if b, err := os.ReadFile(got); err != nil || !bytes.Equal(a, b) {
		t.Errorf("the adapter of the Hub gives other bytes than the local one, %v", err)
	}
	out, errs, code := pgcli(t, "tokenize", "a", "-hf", testhub.Repo+":q8_0")
	if code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	h.Close()
	if again, errs, code := pgcli(t, "tokenize", "a", "-hf", testhub.Repo+":q8_0", "--offline"); code != 0 || again != out {
		t.Errorf("offline: code %d, %q, want %q; %s", code, again, out, errs)
	}
}

// TestWholeCheckpoint: a conversion that reads weights twice fetches them first and says
// so; so does --keep-checkpoint. Both give the bytes of the conversion on arrival.
func TestWholeCheckpoint(t *testing.T) {
	for flag, said := range map[string]string{"--verify": "reads the weights a second time", "--keep-checkpoint": "", "--split-mmproj": "depends on all weights"} {
		atHub(t, &testhub.Hub{Files: checkpoint(t)})
		dir := t.TempDir()
		var files []map[string][]byte
		for name, source := range map[string]string{"local": "../../testdata/oracle/pg1-a", "hub": "hf://" + testhub.Repo} {
			must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
			args := []string{"convert", source, "-o", filepath.Join(dir, name, "x.gguf"), "--type", "bf16", "--name", "x"}
			if name == "hub" || flag == "--split-mmproj" {
				args = append(args, flag)
			}
			_, errs, code := pgcli(t, args...)
			if code != 0 || name == "hub" && !strings.Contains(errs, said) {
				t.Fatalf("%s: code %d: %s", flag, code, errs)
			}
			files = append(files, folderFiles(t, filepath.Join(dir, name, "*")))
		}
		if !maps.EqualFunc(files[0], files[1], bytes.Equal) {
			t.Errorf("%s: other bytes than of the folder", flag)
		}
		kept, _ := filepath.Glob(filepath.Join(os.Getenv("HF_HOME"), "hub", "models--maker--model", "snapshots", "*", "model-*.safetensors"))
		if len(kept) != 2 {
			t.Errorf("%s: kept %q", flag, kept)
		}
	}
}

// TestAnyPartIsTheModel: -m, info and quantize take any part of a split file for the whole,
// and name a part that is missing.
func TestAnyPartIsTheModel(t *testing.T) {
	atHub(t, &testhub.Hub{})
	dir := t.TempDir()
	for _, files := range []map[string][]byte{converted(t, "x.gguf", "--type", "bf16"), converted(t, "m.gguf", "--type", "bf16", "--split-max-size", "400k")} {
		for name, data := range files {
			must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
	}
	parts, _ := filepath.Glob(filepath.Join(dir, "m-*"))
	if len(parts) < 2 {
		t.Fatalf("%q", parts)
	}
	want, _ := caption(t, "-m", filepath.Join(dir, "x.gguf"))
	for _, part := range []string{parts[0], parts[len(parts)-1]} {
		if got, errs := caption(t, "-m", part); got != want {
			t.Errorf("%s: answer %q, want %q; %s", part, got, want, errs)
		}
	}
	outputs := map[string]string{parts[1]: "b.gguf", filepath.Join(dir, "x.gguf"): "a.gguf"}
	for source, dst := range outputs {
		if _, errs, code := pgcli(t, "quantize", source, "-o", filepath.Join(dir, dst), "--type", "f16"); code != 0 {
			t.Errorf("quantize %s: code %d: %s", source, code, errs)
		}
	}
	if files := folderFiles(t, filepath.Join(dir, "?.gguf")); !bytes.Equal(files["a.gguf"], files["b.gguf"]) {
		t.Error("quantizing parts gives other bytes than quantizing the whole")
	}
	must(t, os.Remove(parts[1]))
	for _, args := range [][]string{{"info", parts[0]}, {"tokenize", "a", "-m", parts[0]}, {"quantize", parts[0], "-o", "y.gguf", "--type", "f16"}} {
		if _, errs, code := pgcli(t, args...); code != exitFailed || !strings.Contains(errs, "is missing") || !strings.Contains(errs, parts[1]) {
			t.Errorf("%q without a part: code %d, %q", args, code, errs)
		}
	}
}
