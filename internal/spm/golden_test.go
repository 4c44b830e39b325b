package spm

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A golden is a line of a file written by scripts/spm_golden.py: what
// SentencePiece makes of a text, or of bytes that are not UTF-8.
type golden struct {
	Variant string
	Text    string
	Bytes   []byte
	IDs     []int32
	Decoded string
}

func (g golden) input() string { return g.Text + string(g.Bytes) }

func readGoldens(t testing.TB, path string) []golden {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var goldens []golden
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g golden
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		goldens = append(goldens, g)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return goldens
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// smallVocabulary is the model that scripts/spm_golden.py trains, in the variants
// that it changes it to.
func smallVocabulary(t testing.TB, variant string) Vocabulary {
	t.Helper()
	v, err := ParseModel(readFile(t, "testdata/small.model"))
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range v.Types {
		if kind != Normal {
			continue
		}
		switch variant {
		case "ties":
			v.Scores[i] = float32(math.Floor(float64(v.Scores[i])/64) * 64)
		case "reversed":
			v.Scores[i] = -v.Scores[i]
		case "unused":
			if i%3 == 0 {
				v.Types[i] = Unused
			}
		case "kinds":
			if utf8.RuneCountInString(v.Pieces[i]) == 1 {
				continue
			}
			if i%11 == 0 {
				v.Types[i] = Control
			} else if i%5 == 0 {
				v.Types[i] = UserDefined
			}
		}
	}
	if variant == "loc_seg" {
		if v, err = v.Extend(false); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func mustNew(t testing.TB, v Vocabulary) *Tokenizer {
	t.Helper()
	tok, err := New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func checkGolden(t *testing.T, tok *Tokenizer, g golden) {
	t.Helper()
	ids := tok.Encode(g.input())
	if !slices.Equal(ids, g.IDs) {
		t.Errorf("Encode(%q)\n got %v %q\nwant %v %q", g.input(), ids, spell(tok, ids), g.IDs, spell(tok, g.IDs))
	}
	if got := tok.Decode(ids); got != g.Decoded {
		t.Errorf("Decode(Encode(%q))\n got %q\nwant %q", g.input(), got, g.Decoded)
	}
}

func spell(tok *Tokenizer, ids []int32) []string {
	var pieces []string
	for _, id := range ids {
		piece, _ := tok.Piece(id)
		pieces = append(pieces, piece)
	}
	return pieces
}

// TestEncode compares with SentencePiece: PaliGemma's form of the vocabulary, the
// one before loc and seg, one where groups of 64 pieces share a score, one with
// the order of merges reversed, one where a third of the pieces is unused, one
// where some are user-defined or control pieces that text spells.
func TestEncode(t *testing.T) {
	want := map[string]int{"loc_seg": 400, "plain": 100, "ties": 100, "reversed": 100, "unused": 100, "kinds": 100}
	toks, seen := map[string]*Tokenizer{}, map[string]int{}
	for variant := range want {
		toks[variant] = mustNew(t, smallVocabulary(t, variant))
	}
	for _, g := range readGoldens(t, "testdata/encode.jsonl") {
		tok := toks[g.Variant]
		if tok == nil {
			t.Fatalf("unknown variant %q", g.Variant)
		}
		seen[g.Variant]++
		checkGolden(t, tok, g)
	}
	for variant, n := range want {
		if seen[variant] < n {
			t.Errorf("%d goldens of variant %s, want at least %d", seen[variant], variant, n)
		}
	}
}

// TestVariantsDiffer makes sure that the variants of TestEncode test something:
// each gives other ids than the plain vocabulary for some text.
func TestVariantsDiffer(t *testing.T) {
	plain := map[string][]int32{}
	differ := map[string]int{}
	goldens := readGoldens(t, "testdata/encode.jsonl")
	for _, g := range goldens {
		if g.Variant == "plain" {
			plain[g.Text] = g.IDs
		}
	}
	for _, g := range goldens {
		if ids, ok := plain[g.Text]; ok && !slices.Equal(ids, g.IDs) {
			differ[g.Variant]++
		}
	}
	for _, variant := range []string{"ties", "reversed", "unused", "kinds"} {
		if differ[variant] < 10 {
			t.Errorf("variant %s differs from plain in %d texts", variant, differ[variant])
		}
	}
}

// TestDecode compares id sequences that no text gives, with broken characters,
// control and unknown ids, whole and as a stream.
func TestDecode(t *testing.T) {
	tok := mustNew(t, smallVocabulary(t, "loc_seg"))
	goldens := readGoldens(t, "testdata/decode.jsonl")
	if len(goldens) < 300 {
		t.Fatalf("%d goldens, want 300", len(goldens))
	}
	for _, g := range goldens {
		if got := tok.Decode(g.IDs); got != g.Decoded {
			t.Errorf("Decode(%v) = %q, want %q", g.IDs, got, g.Decoded)
		}
		var parts []string
		s := tok.Stream()
		for _, id := range g.IDs {
			parts = append(parts, s.Push(id))
		}
		parts = append(parts, s.Flush())
		for _, part := range parts {
			if !utf8.ValidString(part) {
				t.Errorf("stream of %v returned %q", g.IDs, part)
			}
		}
		if got := strings.Join(parts, ""); got != g.Decoded {
			t.Errorf("stream of %v = %q, want %q", g.IDs, got, g.Decoded)
		}
	}
}

// TestFormats reads the same vocabulary from both kinds of file. The scores may
// differ where nothing depends on them, so the ids are compared on all texts.
func TestFormats(t *testing.T) {
	fromModel := smallVocabulary(t, "plain")
	fromJSON, err := ParseTokenizerJSON(readFile(t, "testdata/small.tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	compareVocabularies(t, fromJSON, fromModel)
	tok := mustNew(t, fromJSON)
	for _, g := range readGoldens(t, "testdata/encode.jsonl") {
		if g.Variant == "plain" {
			checkGolden(t, tok, g)
		}
	}
}

func compareVocabularies(t *testing.T, got, want Vocabulary) {
	t.Helper()
	if len(got.Pieces) != len(want.Pieces) {
		t.Fatalf("%d pieces, want %d", len(got.Pieces), len(want.Pieces))
	}
	for id := range want.Pieces {
		if got.Pieces[id] != want.Pieces[id] || got.Types[id] != want.Types[id] {
			t.Errorf("id %d is %q of type %d, want %q of type %d",
				id, got.Pieces[id], got.Types[id], want.Pieces[id], want.Types[id])
		}
	}
	if got.BOS != want.BOS || got.EOS != want.EOS || got.PAD != want.PAD || got.UNK != want.UNK {
		t.Errorf("BOS, EOS, PAD, UNK are %d %d %d %d, want %d %d %d %d",
			got.BOS, got.EOS, got.PAD, got.UNK, want.BOS, want.EOS, want.PAD, want.UNK)
	}
}

// TestOldTokenizerJSON reads a file as the first Gemma release had it: no added
// tokens but the four special ones, merges spelled "a b".
func TestOldTokenizerJSON(t *testing.T) {
	var file map[string]any
	if err := json.Unmarshal(readFile(t, "testdata/small.tokenizer.json"), &file); err != nil {
		t.Fatal(err)
	}
	file["added_tokens"] = file["added_tokens"].([]any)[:3]
	model := file["model"].(map[string]any)
	merges := model["merges"].([]any)
	for i, m := range merges {
		if both, ok := m.([]any); ok {
			merges[i] = both[0].(string) + " " + both[1].(string)
		}
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ParseTokenizerJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	compareVocabularies(t, v, smallVocabulary(t, "plain"))
}

// TestGemma checks the real vocabulary, which is not in the repository.
func TestGemma(t *testing.T) {
	dir := os.Getenv("SPM_GEMMA")
	if dir == "" {
		t.Skip("needs Gemma's vocabulary: python scripts/spm_golden.py --gemma DIR fetches it and runs this test")
	}
	base, err := ParseTokenizerJSON(readFile(t, filepath.Join(dir, "tokenizer.json")))
	if err != nil {
		t.Fatal(err)
	}
	proto, err := ParseModel(readFile(t, filepath.Join(dir, "tokenizer.model")))
	if err != nil {
		t.Fatal(err)
	}
	compareVocabularies(t, base, proto)
	full, err := base.Extend(true)
	if err != nil {
		t.Fatal(err)
	}
	tok := mustNew(t, full)
	for piece, want := range map[string]int32{"<loc0000>": 256000, "<loc1023>": 257023, "<seg000>": 257024, "<image>": 257152, "\n": 108, "<0x09>": 226} {
		if id, _ := tok.ID(piece); id != want {
			t.Errorf("ID(%q) = %d, want %d", piece, id, want)
		}
	}
	for _, g := range readGoldens(t, "testdata/gemma.jsonl") {
		if ids := tok.Encode(g.Text); !slices.Equal(ids, g.IDs) {
			t.Errorf("Encode(%q) = %v, want %v as published", g.Text, ids, g.IDs)
		}
	}
	goldens := readGoldens(t, filepath.Join(dir, "encode.jsonl"))
	for _, g := range goldens {
		checkGolden(t, tok, g)
	}
	t.Logf("%d strings compared", len(goldens))
}
