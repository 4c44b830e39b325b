package spm

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A golden is a line of a file written by scripts/spm/golden.py: a text, or bytes
// that are not UTF-8, with the ids that SentencePiece encodes it to.
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

// smallVocabulary returns the vocabulary that scripts/spm/golden.py trains, changed
// to a variant as the script does.
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

// TestEncodeEqualsSentencePiece compares several vocabularies: PaliGemma's form, the
// one before loc and seg, one where groups of 64 pieces share a score, one with
// the order of merges reversed, one where a third of the pieces is unused, one
// where some are user-defined or control pieces that text spells.
func TestEncodeEqualsSentencePiece(t *testing.T) {
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

// TestVariantsDiffer makes sure that the variants above test something: each gives
// other ids than the plain vocabulary for some text.
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

// TestDecodeEqualsSentencePiece decodes id sequences that no text gives, with broken
// characters, control and unknown ids, whole and as a stream.
func TestDecodeEqualsSentencePiece(t *testing.T) {
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
