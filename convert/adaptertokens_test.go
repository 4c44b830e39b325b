package convert_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// grownAdapter writes an adapter of hf's model whose folder has a tokenizer with more
// tokens, and whole matrices of some names and rows. Values of a matrix count up from
// its place in the list.
func grownAdapter(t *testing.T, tokenizer string, tokens int, rows int, names ...string) string {
	t.Helper()
	added := map[string]int{"<image>": hf.Dims.Vocab}
	for i := range tokens {
		added[fmt.Sprintf("<new%d>", i)] = hf.Dims.Vocab + 1 + i
	}
	list, err := json.Marshal(added)
	if err != nil {
		t.Fatal(err)
	}
	model, err := os.ReadFile(tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	header := map[string]any{}
	for i, name := range names {
		start := len(data)
		for k := range rows * hf.Dims.Width {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i*1000+k%997)))
		}
		header["base_model.model."+name] = map[string]any{"dtype": "F32", "shape": []int{rows, hf.Dims.Width}, "data_offsets": []int{start, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"adapter_config.json":       []byte(`{"peft_type":"LORA","r":8,"lora_alpha":8,"modules_to_save":["embed_tokens","lm_head"]}`),
		"adapter_model.safetensors": append(safetensorsHeader(string(text)), data...),
		"tokenizer.model":           model,
		"added_tokens.json":         list,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTokensOfAnAdapter: the tokens that a fine-tuning added lie in the adapter's folder,
// and their rows in the adapter. Both are in the file, also where the base model's
// embedding has too few rows.
func TestTokensOfAnAdapter(t *testing.T) {
	src, vocab := write(t, hf), hf.Dims.Vocab
	own := filepath.Join(src, "tokenizer.model")
	const embedding, head = "language_model.model.embed_tokens.weight", "language_model.lm_head.weight"
	for _, tokens := range []int{2, 200} { // with spare rows, and without
		n := vocab + 1 + tokens
		dir := grownAdapter(t, own, tokens, n+5, embedding, head)
		o := convert.Options{Type: "f32", Adapters: []convert.Adapter{{Dir: dir, Scale: 1}}}
		f := open(t, run(t, src, o))
		pieces, err := gguf.Get[[]string](f, "tokenizer.ggml.tokens")
		if err != nil || len(pieces) != n || pieces[vocab] != "<image>" || pieces[n-1] != fmt.Sprintf("<new%d>", tokens-1) {
			t.Fatalf("%d added tokens: %d pieces, error %v, want %d that end with <image> and these", tokens, len(pieces), err, n)
		}
		for i, name := range []string{"token_embd.weight", "output.weight"} {
			data := bytesOf(t, f, name)
			if len(data) != 4*n*hf.Dims.Width {
				t.Fatalf("%d added tokens: %s has %d bytes, want %d rows", tokens, name, len(data), n)
			}
			last := n*hf.Dims.Width - 1
			if got, want := math.Float32frombits(binary.LittleEndian.Uint32(data[4*last:])), float32(i*1000+last%997); got != want {
				t.Errorf("%d added tokens: the last value of %s is %v, want %v", tokens, name, got, want)
			}
		}
	}
	for name, c := range map[string]struct {
		dir  string
		fail bool
		want string // in the error, or a note
	}{
		"the tokenizer is said":   {grownAdapter(t, own, 2, vocab+3, embedding, head), false, "the tokenizer is the adapter's, which has 2 added tokens"},
		"another tokenizer":       {grownAdapter(t, "../internal/spm/testdata/small.model", 0, vocab, embedding, head), false, "passed over"},
		"no head of as many rows": {grownAdapter(t, own, 200, vocab+201, embedding), true, "no adapter has the matrix with the rows of added tokens"},
		"no embedding of as many": {grownAdapter(t, own, 200, vocab+201, head), true, "embed_tokens.weight has"},
	} {
		plan, err := convert.MakePlan(t.Context(), src, "out.gguf", convert.Options{Type: "f32", Adapters: []convert.Adapter{{Dir: c.dir, Scale: 1}}})
		var said string
		if err != nil {
			said = err.Error()
		} else {
			said = strings.Join(plan.Notes, "\n")
		}
		if (err != nil) != c.fail || !strings.Contains(said, c.want) {
			t.Errorf("%s: error %v, said %q, want %q", name, err, said, c.want)
		}
	}
	// A tokenizer that is named is the user's choice.
	dir := grownAdapter(t, own, 2, vocab, embedding, head)
	f := open(t, run(t, src, convert.Options{Type: "f32", Tokenizer: own, Adapters: []convert.Adapter{{Dir: dir, Scale: 1}}}))
	if pieces, err := gguf.Get[[]string](f, "tokenizer.ggml.tokens"); err != nil || len(pieces) != vocab {
		t.Errorf("a named tokenizer: %d pieces, error %v, want %d", len(pieces), err, vocab)
	}
}
