package spm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestBothFilesGiveTheSameIDs reads the same vocabulary from both kinds of file. The
// scores may differ where nothing depends on them, so the test compares the ids of
// all texts.
func TestBothFilesGiveTheSameIDs(t *testing.T) {
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

// TestOldTokenizerJSONGivesTheSameVocabulary reads a file in the form of the first
// Gemma release: no added tokens except special ones, and merges spelled "a b".
func TestOldTokenizerJSONGivesTheSameVocabulary(t *testing.T) {
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
		t.Skip("needs Gemma's vocabulary: python scripts/spm/golden.py --gemma DIR fetches it and runs this test")
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
