package spm

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pgcli/paligemma/internal/allocation"
)

// FuzzEncode: any text comes back from its ids, except for normalization, and no id
// is a control id or the unknown one.
func FuzzEncode(f *testing.F) {
	for _, g := range readGoldens(f, "testdata/encode.jsonl")[:150] {
		f.Add(g.input())
	}
	var toks []*Tokenizer
	for _, variant := range []string{"loc_seg", "ties", "unused"} {
		toks = append(toks, mustNew(f, smallVocabulary(f, variant)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := strings.ReplaceAll(string([]rune(text)), "▁", " ")
		for _, tok := range toks {
			ids := tok.Encode(text)
			for _, id := range ids {
				if id <= tok.UNK() || int(id) >= tok.Len() {
					t.Fatalf("Encode(%q) holds id %d", text, id)
				}
			}
			if n := tok.Fewest(text); n > len(ids) {
				t.Fatalf("Fewest(%q) = %d, but it has %d ids", text, n, len(ids))
			}
			if got := tok.Decode(ids); got != want {
				t.Fatalf("Decode(Encode(%q)) = %q, want %q", text, got, want)
			}
		}
	})
}

// FuzzDecode: a stream returns valid UTF-8 at each step and Decode's text in all.
func FuzzDecode(f *testing.F) {
	for _, g := range readGoldens(f, "testdata/decode.jsonl")[:50] {
		var data []byte
		for _, id := range g.IDs {
			data = binary.LittleEndian.AppendUint16(data, uint16(id))
		}
		f.Add(data)
	}
	tok := mustNew(f, smallVocabulary(f, "loc_seg"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var ids []int32
		for ; len(data) >= 2; data = data[2:] {
			ids = append(ids, int32(int16(binary.LittleEndian.Uint16(data))))
		}
		s, text := tok.Stream(), ""
		for _, id := range ids {
			part := s.Push(id)
			if !utf8.ValidString(part) {
				t.Fatalf("Push(%d) in %v returned %q", id, ids, part)
			}
			text += part
		}
		if text += s.Flush(); text != tok.Decode(ids) {
			t.Fatalf("stream of %v = %q, Decode %q", ids, text, tok.Decode(ids))
		}
	})
}

// tryVocabulary encodes with, and extends, a vocabulary that a parser accepted.
func tryVocabulary(t *testing.T, v Vocabulary, err error) {
	if err != nil {
		return
	}
	tok, err := New(v)
	if err != nil {
		return // a duplicate, the one thing that parsers leave to New
	}
	const text = "where is the <loc0001> cow\n\n\tstanding?  \xff"
	for _, id := range tok.Encode(text) {
		if _, ok := tok.Piece(id); !ok {
			t.Fatalf("Encode returned id %d of %d", id, tok.Len())
		}
	}
	if full, err := v.Extend(true); err == nil {
		if _, err := New(full); err != nil {
			t.Fatalf("vocabulary is refused after Extend: %v", err)
		}
	}
}

func FuzzParseModel(f *testing.F) {
	model := readFile(f, "testdata/small.model")
	f.Add(model)
	f.Add(model[:3000])
	f.Add(override(model, modelNormalizer, normalizerDummyPrefix, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v Vocabulary
		var err error
		allocation.Bound(t, len(data), func() { v, err = ParseModel(data) })
		tryVocabulary(t, v, err)
	})
}

func FuzzParseTokenizerJSON(f *testing.F) {
	// A file of a few kilobytes that is accepted; the golden one is too large
	// to be changed in many places.
	var pieces strings.Builder
	for b := range 256 {
		fmt.Fprintf(&pieces, `,"%s":%d`, bytePiece(byte(b)), b+4)
	}
	f.Add([]byte(`{"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},
		"added_tokens":[{"id":0,"content":"<pad>","special":true},{"id":1,"content":"<eos>","special":true},
		{"id":2,"content":"<bos>","special":true},{"id":263,"content":"<loc0000>"}],
		"model":{"type":"BPE","byte_fallback":true,"unk_token":"<unk>",
		"vocab":{"<unk>":3,"h":260,"e":261,"he":262` + pieces.String() + `},"merges":["h e"]}}`))
	f.Add([]byte(`{"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0},"merges":[["a","b"]]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v Vocabulary
		var err error
		allocation.Bound(t, len(data), func() { v, err = ParseTokenizerJSON(data) })
		tryVocabulary(t, v, err)
	})
}
