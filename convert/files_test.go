package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// TestNoCheckpointNamesCandidates guards against a bare "not found": the error
// names the files that the user may have meant.
func TestNoCheckpointNamesCandidates(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		path  string
		want  string
	}{
		{"nothing", nil, "", "no checkpoint found"},
		{"a missing folder", nil, "missing", "missing: "},
		{"pickles", []string{"pytorch_model.bin"}, "", "pickled weights are not read"},
		{"other pickles", []string{"weights.bin"}, "", `did you mean one of ["weights.bin"]`},
		{"an npz", []string{"a.npz", "b.gguf"}, "", `did you mean one of ["a.npz" "b.gguf"]`},
		{"two files", []string{"a.safetensors", "b.safetensors"}, "", "but no model.safetensors.index.json"},
		{"a pickle itself", []string{"PK.bin"}, "PK.bin", "pickled weights are not read"},
		{"a text", []string{"text"}, "text", `it starts with "text"`},
	} {
		dir := t.TempDir()
		for _, name := range c.files {
			data := strings.Replace(name, "PK", "PK\x03\x04", 1) // as a zip file starts
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, err := convert.MakePlan(t.Context(), filepath.Join(dir, c.path), "x.gguf", convert.Options{Type: "f16"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", c.name, err, c.want)
		}
	}
}

// TestSafetensorsFileByPath converts the path of a safetensors file.
func TestSafetensorsFileByPath(t *testing.T) {
	src := write(t, hf)
	want := hashes(t, run(t, src, convert.Options{Type: "f16"}))
	compare(t, hashes(t, run(t, filepath.Join(src, "model.safetensors"), convert.Options{Type: "f16"})), want)
	// Beside the model may lie other files of the kind.
	if err := os.WriteFile(filepath.Join(src, "adapter_model.safetensors"), []byte("junk"), 0o666); err != nil {
		t.Fatal(err)
	}
	compare(t, hashes(t, run(t, src, convert.Options{Type: "f16"})), want)
}

// TestTokenizerIsFoundOrRefused checks where the tokenizer comes from.
func TestTokenizerIsFoundOrRefused(t *testing.T) {
	src := write(t, hf)
	model := filepath.Join(src, "tokenizer.model")
	moved := filepath.Join(t.TempDir(), "elsewhere.model")
	if err := os.Rename(model, moved); err != nil {
		t.Fatal(err)
	}
	o := convert.Options{Type: "f16"}
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", o); err == nil || !strings.Contains(err.Error(), "no tokenizer") {
		t.Errorf("without a tokenizer: %v", err)
	}
	o.Tokenizer = moved
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", o); err != nil {
		t.Errorf("a tokenizer elsewhere: %v", err)
	}
	if err := os.WriteFile(moved, []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", o); err == nil || !strings.Contains(err.Error(), moved) {
		t.Errorf("a broken tokenizer gives %v", err)
	}
	// That of another model has another number of pieces.
	other := hf
	other.Dims.Vocab += 200
	o.Tokenizer = filepath.Join(write(t, other), "tokenizer.model")
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", o); err == nil || !strings.Contains(err.Error(), "they do not belong together") {
		t.Errorf("another tokenizer gives %v", err)
	}
}

// TestPlanIsWhatRunWrites checks that a plan and the file agree, and that a plan writes nothing.
func TestPlanIsWhatRunWrites(t *testing.T) {
	src := write(t, npz)
	dst := filepath.Join(t.TempDir(), "out.gguf")
	o := convert.Options{Type: "f16", Split: true, Verify: true}
	plan, err := convert.MakePlan(t.Context(), src, dst, o)
	if err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(dst)); len(entries) != 0 {
		t.Errorf("a plan writes %d files", len(entries))
	}
	var last convert.Progress
	o.Progress = func(p convert.Progress) {
		if p.Done < last.Done && p.Verifying == last.Verifying || p.Total != plan.Bytes() {
			t.Errorf("progress goes from %+v to %+v", last, p)
		}
		last = p
	}
	report, err := convert.Run(t.Context(), src, dst, o)
	if err != nil {
		t.Fatal(err)
	}
	if last.Done != plan.Bytes() || !last.Verifying || !report.Verified {
		t.Errorf("last progress is %+v of %d, verified %v", last, plan.Bytes(), report.Verified)
	}
	for _, out := range plan.Outputs {
		f := open(t, out.Path)
		var bytes int64
		for _, x := range f.Tensors() {
			bytes += x.Size
		}
		if bytes != out.Bytes() || len(f.Tensors()) != len(out.Tensors) || len(f.Keys()) != len(out.Metadata) {
			t.Errorf("%s has %d tensors of %d bytes and %d keys, planned %d, %d, %d", out.Path, len(f.Tensors()), bytes, len(f.Keys()), len(out.Tensors), out.Bytes(), len(out.Metadata))
		}
		for _, x := range out.Tensors {
			if !strings.Contains(x.From, "model.npz") {
				t.Errorf("%s comes from %q", x.Name, x.From)
			}
		}
	}
}

// TestSyntheticRefusesWrongSizes asks package synthetic for impossible checkpoints,
// and for a possible one.
func TestSyntheticRefusesWrongSizes(t *testing.T) {
	c := hf
	c.Type = gguf.Q8_0
	if err := c.Write(t.TempDir()); err == nil || !strings.Contains(err.Error(), "type is q8_0") {
		t.Errorf("a quantized checkpoint gives %v", err)
	}
	c = hf
	c.Dims.Vocab = 1000
	if err := c.Write(t.TempDir()); err == nil || !strings.Contains(err.Error(), "vocabulary of 1000") {
		t.Errorf("a small vocabulary gives %v", err)
	}
	c = hf
	c.Dims.Heads = 3
	if err := c.Write(t.TempDir()); err == nil || !strings.Contains(err.Error(), "3 query heads for 2 key heads") {
		t.Errorf("3 query heads for 2 keys give %v", err)
	}
	c = hf
	c.Format = convert.GGUF
	compare(t, hashes(t, write(t, c)), hashes(t, run(t, write(t, hf), convert.Options{Type: "bf16"})))
}
