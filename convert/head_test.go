package convert_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
)

// headRows and headWidth are the shape of the embedding of hf, with its spare rows.
const headRows, headWidth = 1664, 256

// addHead puts an output head into a checkpoint: the embedding's bytes, after a change.
func addHead(t *testing.T, dir, name string, change func(head []byte)) {
	t.Helper()
	path := filepath.Join(dir, "model.safetensors")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := int(binary.LittleEndian.Uint64(file))
	data := file[8+n:]
	head := slices.Clone(data[:headRows*headWidth*2]) // the embedding comes first
	change(head)
	entry := fmt.Sprintf(`,%q:{"dtype":"BF16","shape":[%d,%d],"data_offsets":[%d,%d]}}`, name, headRows, headWidth, len(data), len(data)+len(head))
	header := strings.TrimSuffix(strings.TrimRight(string(file[8:8+n]), " "), "}") + entry
	if err := os.WriteFile(path, slices.Concat(safetensorsHeader(header), data, head), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestHeadBesideTheEmbedding keeps an output head that differs in a token's row,
// as transformers 5 does, and leaves out one that differs in no row or in spare
// rows only.
func TestHeadBesideTheEmbedding(t *testing.T) {
	want := hashes(t, run(t, write(t, hf), convert.Options{Type: "f32"}))
	for _, c := range []struct {
		name string
		row  int
		own  bool
	}{{"language_model.lm_head.weight", -1, false}, {"lm_head.weight", headRows - 1, false}, {"lm_head.weight", 1635, true}} {
		src := write(t, hf)
		addHead(t, src, c.name, func(head []byte) {
			if c.row >= 0 {
				head[(c.row+1)*headWidth*2-2] ^= 1
			}
		})
		got := hashes(t, run(t, src, convert.Options{Type: "f32", Verify: true}))
		if _, own := got["output.weight"]; own != c.own {
			t.Errorf("%s that differs in row %d: output.weight is there: %v, want %v", c.name, c.row, own, c.own)
		}
		if got["output.weight"] == got["token_embd.weight"] {
			t.Errorf("%s that differs in row %d becomes the embedding", c.name, c.row)
		}
		delete(got, "output.weight")
		compare(t, got, want)
	}
}

// TestHeadOfItsOwnGoesOn quantizes a file with such a head, and refuses to cut it
// into llama.cpp's two files, whose reader knows no such head.
func TestHeadOfItsOwnGoesOn(t *testing.T) {
	engine(t)
	src := write(t, hf)
	addHead(t, src, "lm_head.weight", func(head []byte) { head[1] ^= 0x80 }) // a sign
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32", Split: true}); err == nil || !strings.Contains(err.Error(), "two-file form cannot hold") {
		t.Errorf("two files: error is %v", err)
	}
	plan, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32"})
	if err != nil || len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0], "lm_head.weight differs from the embedding") {
		t.Errorf("notes are %q, error %v", plan.Notes, err)
	}
	direct := hashes(t, run(t, src, convert.Options{Type: "q8_0"}))
	if got := direct["output.weight"]; !strings.HasPrefix(got, "q8_0 ") || got == direct["token_embd.weight"] {
		t.Errorf("output.weight is %q", got)
	}
	again := hashes(t, run(t, run(t, src, convert.Options{Type: "bf16", VisionType: "f32"}), convert.Options{Type: "q8_0"}))
	compare(t, again, direct)
}

// TestSharedMatrixUnderTheHead reads the matrix that embedding and head share from
// under the head's name, where safetensors.torch.save_model keeps it.
func TestSharedMatrixUnderTheHead(t *testing.T) {
	want := hashes(t, run(t, write(t, hf), convert.Options{Type: "f32"}))
	src := write(t, hf)
	path := filepath.Join(src, "model.safetensors")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"language_model.lm_head.weight", "lm_head.weight"} {
		if err := os.WriteFile(path, rename(file, "language_model.model.embed_tokens.weight", name), 0o666); err != nil {
			t.Fatal(err)
		}
		compare(t, hashes(t, run(t, src, convert.Options{Type: "f32"})), want)
	}
	setConfig(t, src, map[string]any{"tie_word_embeddings": false})
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32"}); err == nil || !strings.Contains(err.Error(), "no embed_tokens.weight, only lm_head.weight") {
		t.Errorf("one matrix of two: error is %v", err)
	}
}

// TestMissingHead refuses a checkpoint without the output head that its config asks for.
func TestMissingHead(t *testing.T) {
	for _, keys := range []map[string]any{{}, {"tie_word_embeddings": true}, {"tie_word_embeddings": false}} {
		src := write(t, hf)
		untied := maps.Clone(keys)
		untied["text_config"] = map[string]any{"tie_word_embeddings": false}
		setConfig(t, src, untied)
		_, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32"})
		if refused := err != nil && strings.Contains(err.Error(), "no lm_head.weight"); refused != (keys["tie_word_embeddings"] == false) {
			t.Errorf("%v: error is %v", keys, err)
		}
	}
}

// setConfig changes keys of a checkpoint's config.json; an object among them is merged.
func setConfig(t *testing.T, dir string, keys map[string]any) {
	t.Helper()
	path := filepath.Join(dir, "config.json")
	var config map[string]any
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &config)
	}
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range keys {
		inner, isObject := value.(map[string]any)
		if old, both := config[key].(map[string]any); isObject && both {
			maps.Copy(old, inner)
			continue
		}
		config[key] = value
	}
	if data, err = json.Marshal(config); err == nil {
		err = os.WriteFile(path, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}
