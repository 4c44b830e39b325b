package convert

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/spm"
)

// TestImageKeepsItsID: an added token cannot take the id of <image>, nor move it.
func TestImageKeepsItsID(t *testing.T) {
	model, err := os.ReadFile(filepath.Join("..", "models", "tiny", "tokenizer.model"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		added string
		fine  bool
	}{{`{"<json>":1792}`, false}, {`{"<json>":1792,"<image>":1793}`, false}, {`{"<json>":1793}`, true}, {`{"<image>":1792,"<json>":1793}`, true}} {
		dir := t.TempDir()
		for name, data := range map[string][]byte{"tokenizer.model": model, addedTokens: []byte(c.added)} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		v, _, err := readTokenizer("", dir)
		if (err == nil) != c.fine || c.fine && slices.Index(v.Pieces, "<json>") != 1793 {
			t.Errorf("%s: error %v, %d pieces", c.added, err, len(v.Pieces))
		}
	}
}

// TestSpecialTokens reads folders as transformers 4.57.1 and 5.24.0 do: the flags of
// tokenizer_config.json count before those of tokenizer.json, and a special token
// that is only named gets the next id. The ids are theirs.
func TestSpecialTokens(t *testing.T) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	model, err := os.ReadFile(filepath.Join("..", "models", "tiny", "tokenizer.model"))
	check(err)
	image := map[string]any{"content": "<image>", "special": true}
	for name, c := range map[string]struct {
		config any
		text   string
		want   []int32
	}{
		"flags": {map[string]any{"added_tokens_decoder": map[string]any{"1792": image,
			"1793": map[string]any{"content": "<s>", "lstrip": true, "rstrip": true}}}, "a <s> b", []int32{560, 1793, 577}},
		"a list":                    {map[string]any{"additional_special_tokens": []any{"<image>", "<new>"}}, "a<new>b<s>", []int32{560, 1794, 577, 1793}},
		"a list, later":             {map[string]any{"extra_special_tokens": []any{"<new>"}}, "a<new>b<s>", []int32{560, 1794, 577, 1793}},
		"roles in the file's order": {json.RawMessage(`{"extra_special_tokens":{"z":"<new>","a":"<new2>"}}`), "<new><new2>", []int32{1794, 1795}},
		"named by roles":            {map[string]any{"extra_special_tokens": map[string]any{"x": map[string]any{"content": "<new>"}}}, "a<new>b<s>", []int32{560, 1794, 577, 1793}},
	} {
		dir := t.TempDir()
		check(os.WriteFile(filepath.Join(dir, "tokenizer.model"), model, 0o600))
		for file, v := range map[string]any{tokenizerConfig: c.config, addedTokens: map[string]int{"<image>": 1792, "<s>": 1793}} {
			if file == addedTokens && name == "flags" {
				continue
			}
			data, err := json.Marshal(v)
			check(err)
			check(os.WriteFile(filepath.Join(dir, file), data, 0o600))
		}
		v, _, err := readTokenizer("", dir)
		check(err)
		tok, err := spm.New(v)
		check(err)
		if got := tok.Encode(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q is %v, want %v", name, c.text, got, c.want)
		}
	}
}

// TestWrongSpecialTokens: what is no token is an error, as in transformers, and not passed
// over.
func TestWrongSpecialTokens(t *testing.T) {
	for text, want := range map[string]string{
		`{"pad_token": 7}`:                         "pad_token: 7 is no token",
		`{"additional_special_tokens": ["a", 2]}`:  "additional_special_tokens: 2 is no token",
		`{"extra_special_tokens": {"x": [["a"]]}}`: `extra_special_tokens: [["a"]] is no token`,
		`{"bos_token": null, "eos_token": {"content": "<eos>"}, "extra_special_tokens": []}`: "",
	} {
		path := filepath.Join(t.TempDir(), tokenizerConfig)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := specialsOf(path); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}
