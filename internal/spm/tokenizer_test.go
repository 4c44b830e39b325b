package spm

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testrace"
)

func TestExtendAppendsLocSegImage(t *testing.T) {
	base := smallVocabulary(t, "plain")
	full, err := base.Extend(true)
	if err != nil {
		t.Fatal(err)
	}
	if len(base.Pieces) != 1500 || len(full.Pieces) != 1500+1024+128+1 {
		t.Fatalf("%d pieces became %d, want 1500 and 2653", len(base.Pieces), len(full.Pieces))
	}
	for id, want := range map[int]string{1500: "<loc0000>", 1501: "<loc0001>", 2523: "<loc1023>", 2524: "<seg000>", 2651: "<seg127>", 2652: "<image>"} {
		if full.Pieces[id] != want || full.Scores[id] != 0 {
			t.Errorf("id %d is %q with score %v, want %q and 0", id, full.Pieces[id], full.Scores[id], want)
		}
	}
	again, err := full.Extend(true)
	if err != nil || !slices.Equal(again.Pieces, full.Pieces) || !slices.Equal(again.Types, full.Types) {
		t.Errorf("a second Extend changes the vocabulary (%d pieces, %v)", len(again.Pieces), err)
	}
	tok := mustNew(t, full)
	if got := tok.Encode("<image><loc0512>"); slices.Contains(got, 2652) || got[len(got)-1] != 1500+512 {
		t.Errorf("ids of %q are %v, want <loc0512> as one id and <image> as text", "<image><loc0512>", got)
	}
	if got := tok.Decode([]int32{2652, 1500, 2651, 2652}); got != "<loc0000><seg127>" {
		t.Errorf("Decode = %q, want loc and seg as text and no image", got)
	}
}

func TestIDIsTheOppositeOfPiece(t *testing.T) {
	tok := mustNew(t, smallVocabulary(t, "loc_seg"))
	if tok.Len() != 2652 || tok.PAD() != 0 || tok.EOS() != 1 || tok.BOS() != 2 || tok.UNK() != 3 {
		t.Errorf("Len, PAD, EOS, BOS, UNK = %d, %d, %d, %d, %d", tok.Len(), tok.PAD(), tok.EOS(), tok.BOS(), tok.UNK())
	}
	for id := range int32(tok.Len()) {
		piece, ok := tok.Piece(id)
		if back, found := tok.ID(piece); !ok || !found || back != id {
			t.Fatalf("Piece(%d) = %q, %v, and ID of that %d, %v", id, piece, ok, back, found)
		}
	}
	for _, id := range []int32{-1, -1 << 31, 2652, 1<<31 - 1} {
		if piece, ok := tok.Piece(id); ok {
			t.Errorf("Piece(%d) = %q", id, piece)
		}
		if got := tok.Decode([]int32{id}); got != " ⁇ " {
			t.Errorf("Decode(%d) = %q", id, got)
		}
	}
	if id, ok := tok.ID("no such piece"); ok {
		t.Errorf("ID of no piece = %d", id)
	}
}

// TestControlPieceInTextStaysText: "<bos>" in a prompt is text.
func TestControlPieceInTextStaysText(t *testing.T) {
	tok := mustNew(t, smallVocabulary(t, "loc_seg"))
	for _, text := range []string{"<bos>", "<eos>", "<pad>", "<unk>", "a<eos>b", "<loc0000><eos>", "<0x41>", "<0x0A>"} {
		ids := tok.Encode(text)
		for _, id := range ids {
			if id <= 3 {
				t.Errorf("Encode(%q) = %v holds a control or unknown id", text, ids)
			}
		}
		if got := tok.Decode(ids); got != text {
			t.Errorf("Decode(Encode(%q)) = %q", text, got)
		}
	}
}

// TestControlCharacterInTextStaysText: a control piece of one character does not
// stand for the character. (SentencePiece would return its id; no model of Gemma's
// has such a piece.)
func TestControlCharacterInTextStaysText(t *testing.T) {
	v := smallVocabulary(t, "plain")
	id := slices.Index(v.Pieces, "e")
	v.Types[id] = Control
	tok := mustNew(t, v)
	if ids := tok.Encode("zez"); slices.Contains(ids, int32(id)) || tok.Decode(ids) != "zez" {
		t.Errorf("Encode(%q) = %v, want <0x65> in place of id %d", "zez", ids, id)
	}
}

// TestStreamHoldsNothingBack: text comes with the id that completes it, not later.
func TestStreamHoldsNothingBack(t *testing.T) {
	tok := mustNew(t, smallVocabulary(t, "loc_seg"))
	b := func(v byte) int32 { return tok.byteIDs[v] }
	loc, _ := tok.ID("<loc0007>")
	s := tok.Stream()
	for i, step := range []struct {
		id   int32
		want string
	}{
		{b(0xf0), ""}, {b(0x9f), ""}, {b(0x98), ""}, {b(0x80), "😀"}, // a character
		{b('a'), "a"},
		{b(0xc3), ""}, {b('('), "\ufffd("}, // an end that does not fit
		{b(0xff), "\ufffd"},                                // no start at all
		{b(0xe2), ""}, {b(0x96), ""}, {loc, "��<loc0007>"}, // cut off by a piece
		{b(0xc3), ""}, {tok.BOS(), "\ufffd"}, {b(0xa9), "\ufffd"}, // and by a control id
		{b(0xe2), ""}, {b(0x96), ""}, {b(0x81), "▁"}, // not a space: it came as bytes
		{tok.UNK(), " ⁇ "},
		{b(0xe2), ""},
	} {
		if got := s.Push(step.id); got != step.want {
			t.Errorf("step %d: Push(%d) = %q, want %q", i, step.id, got, step.want)
		}
	}
	if first, second := s.Flush(), s.Flush(); first != "\ufffd" || second != "" {
		t.Errorf("Flush = %q, then %q, want U+FFFD, then nothing", first, second)
	}
}

// TestEncodeIsNotQuadratic encodes 1 MB of texts in which many pairs merge.
// Quadratic time would be an hour.
func TestEncodeIsNotQuadratic(t *testing.T) {
	tok := mustNew(t, smallVocabulary(t, "ties"))
	for _, unit := range []string{"a", "in", "national", " the cat", "\n", "😀", "\xff"} {
		text := strings.Repeat(unit, 1<<20/testrace.Slowness/len(unit))
		start := time.Now()
		ids := tok.Encode(text)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("1 MB of %q took %v", unit, d)
		}
		if got, want := tok.Decode(ids), string([]rune(text)); got != want {
			t.Errorf("1 MB of %q do not come back", unit)
		}
	}
}

func TestTokenizerIsSafeForConcurrentUse(t *testing.T) {
	tok := mustNew(t, smallVocabulary(t, "unused"))
	text := "where is the cow standing?\n<table> 2016 größe"
	want := tok.Encode(text)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := tok.Encode(text); !slices.Equal(got, want) || tok.Decode(got) != text {
					t.Errorf("Encode(%q) = %v, want %v", text, got, want)
				}
			}
		})
	}
	wg.Wait()
}

// benchmarkText has words that merge, words that do not, and lines.
var benchmarkText = strings.Repeat("detect the standing cow near a nationality bench ; zxqv größe\n", 16384) // 1 MB

func BenchmarkEncode1MB(b *testing.B) {
	tok := mustNew(b, smallVocabulary(b, "loc_seg"))
	b.SetBytes(int64(len(benchmarkText)))
	b.ReportAllocs()
	for b.Loop() {
		tok.Encode(benchmarkText)
	}
}

func BenchmarkEncodePrompt(b *testing.B) {
	tok := mustNew(b, smallVocabulary(b, "loc_seg"))
	const prompt = "answer en Where is the cow standing?\n"
	b.SetBytes(int64(len(prompt)))
	b.ReportAllocs()
	for b.Loop() {
		tok.Encode(prompt)
	}
}

func BenchmarkDecode1MB(b *testing.B) {
	tok := mustNew(b, smallVocabulary(b, "loc_seg"))
	ids := tok.Encode(benchmarkText)
	b.SetBytes(int64(len(benchmarkText)))
	b.ReportAllocs()
	for b.Loop() {
		tok.Decode(ids)
	}
}

func BenchmarkNew(b *testing.B) {
	v := smallVocabulary(b, "loc_seg")
	for b.Loop() {
		mustNew(b, v)
	}
}
