package convert

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/spm"
)

const (
	tinyModel = "../models/tiny/tokenizer.model"
	added     = "../internal/spm/testdata/added.tokenizer.json.gz" // scripts/spm/added.py
)

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil && strings.HasSuffix(path, ".gz") {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			data, err = io.ReadAll(z)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestTokensOfAFineTuning reads the files that versions of transformers save, each
// of which has the added tokens somewhere else.
func TestTokensOfAFineTuning(t *testing.T) {
	model, whole := readText(t, tinyModel), readText(t, added)
	const flagged = `{"added_tokens_decoder":{"1792":{"content":"<image>","special":true},
		"1793":{"content":"<x>","lstrip":true},"1794":{"content":"<y>","special":true},"335":{"content":"he","single_word":true,"normalized":true}}}`
	for _, c := range []struct {
		name        string
		files       map[string]string
		pieces      []string // after <image>
		ids, flags  []int32
		lastControl bool
		notes       int
	}{
		{"nothing added", map[string]string{"tokenizer.model": model}, nil, nil, nil, false, 0},
		{"only <image>", map[string]string{"tokenizer.model": model, addedTokens: `{"<image>":1792}`}, nil, nil, nil, false, 0},
		{"transformers 4", map[string]string{"tokenizer.model": model, tokenizerConfig: flagged},
			[]string{"<x>", "<y>"}, []int32{335, 1793, 1794}, []int32{25, 2, 0}, true, 0},
		{"the list alone", map[string]string{"tokenizer.model": model, addedTokens: `{"<x>":1793,"<image>":1792,"<y>":1794}`,
			specialTokens: `{"bos_token":"<bos>","additional_special_tokens":[{"content":"<y>"},"<image>"]}`},
			[]string{"<x>", "<y>"}, []int32{1793, 1794}, []int32{1, 0}, true, 0},
		{"both files", map[string]string{"tokenizer.model": model, tokenizerJSON: whole},
			[]string{"<B>"}, []int32{575, 1793}, []int32{24, 6}, true, 0},
		{"transformers 5", map[string]string{tokenizerJSON: whole}, []string{"<B>"}, []int32{575, 1793}, []int32{24, 6}, true, 0},
		{"another model's file beside", map[string]string{"tokenizer.model": readText(t, "../internal/spm/testdata/small.model"), tokenizerJSON: whole},
			[]string{"<B>"}, []int32{575, 1793}, []int32{24, 6}, true, 1},
	} {
		v, notes, err := readTokenizer("", folder(t, c.files))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		want := 1792
		if c.pieces != nil {
			want = 1793 + len(c.pieces)
		}
		if last := len(v.Pieces) - 1; len(v.Pieces) < want || c.pieces == nil && len(v.Pieces) != want ||
			(v.Types[last] == spm.Control) != c.lastControl || len(notes) != c.notes {
			t.Errorf("%s: %d pieces, the last is %q of type %d, notes %q, want %d", c.name, len(v.Pieces), v.Pieces[last], v.Types[last], notes, want)
			continue
		}
		n, behind := len(c.ids), v.Pieces[min(1793, len(v.Pieces)):]
		if !slices.Equal(behind[:len(c.pieces)], c.pieces) || len(v.Added) < n || !slices.Equal(v.Added[:n], c.ids) || !slices.Equal(v.AddedFlags[:n], c.flags) {
			t.Errorf("%s: pieces %q, added %v with flags %v, want %q, %v, %v", c.name, behind, v.Added, v.AddedFlags, c.pieces, c.ids, c.flags)
		}
	}
}

// TestNamedTokenizerIsReadAlone notes tokens that lie beside the weights when the
// user names a tokenizer elsewhere.
func TestNamedTokenizerIsReadAlone(t *testing.T) {
	for text, want := range map[string]int{`{"<image>":1792,"<x>":1793}`: 1, `{"<image>":1792}`: 0} {
		v, notes, err := readTokenizer(tinyModel, folder(t, map[string]string{addedTokens: text}))
		if err != nil || len(v.Pieces) != 1792 || len(notes) != want {
			t.Errorf("%s: %d pieces, notes %q, error %v, want %d notes", text, len(v.Pieces), notes, err, want)
		}
	}
}

// TestTokensThatDoNotFit gives lists of tokens that contradict the vocabulary.
func TestTokensThatDoNotFit(t *testing.T) {
	model := readText(t, tinyModel)
	for name, c := range map[string]struct{ file, text, want string }{
		"a gap":             {addedTokens, `{"<x>":1795}`, "has id 1795, but the vocabulary before it has 1793 pieces"},
		"another's id":      {addedTokens, `{"<x>":300}`, "has id 300, which is the id of"},
		"twice":             {addedTokens, `{"<image>":1792,"<loc0000>":1793}`, "has two ids"},
		"no number":         {tokenizerConfig, `{"added_tokens_decoder":{"x":{"content":"<x>"}}}`, `"x" is not an id`},
		"a pointer":         {tokenizerConfig, "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
		"a pointer of JSON": {tokenizerJSON, "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
	} {
		_, _, err := readTokenizer("", folder(t, map[string]string{"tokenizer.model": model, c.file: c.text}))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
	}
}

// TestRowsOfAddedTokens counts the rows of the embedding that added tokens need.
func TestRowsOfAddedTokens(t *testing.T) {
	for pieces, want := range map[int]string{256639: "256639 pieces: they do not belong together", 256640: "", 257152: "", 257153: "the embedding has 257152 rows, but the tokenizer 257153 pieces"} {
		got, err := plan(released(t, "paligemma2-3b-224", HuggingFace), t.TempDir(), pieces)
		if want == "" && (err != nil || got.Vocab != pieces) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d pieces: vocabulary of %d, error %v, want %q", pieces, got.Vocab, err, want)
		}
	}
}
