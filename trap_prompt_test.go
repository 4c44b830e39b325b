package paligemma

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testmodel"
)

// newline is the id of "\n" on its own.
func newline(t *testing.T, m *Model) int32 {
	t.Helper()
	id, ok := m.tok.ID("\n")
	if !ok {
		t.Fatal("no piece for a newline")
	}
	return id
}

func TestTrapNoNewline(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	for _, p := range []Prompt{"", "caption en", "caption en "} {
		if ids := m.PromptIDs(p); ids[len(ids)-1] != newline(t, m) {
			t.Errorf("prompt %q ends with id %d, want a newline", p, ids[len(ids)-1])
		}
	}
}

// TestTrapNewlineMerges: a prompt that spells the newline at its end has one all the
// same, and no other token.
func TestTrapNewlineMerges(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	for _, p := range []Prompt{"ocr\n", "ocr\r\n", "ocr\n\n"} {
		if got, want := m.PromptIDs(p), m.PromptIDs("ocr"); !slices.Equal(got, want) {
			t.Errorf("%q has ids %v, want %v", p, got, want)
		}
	}
}

func TestTrapNoBOS(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	if ids := m.PromptIDs("caption en"); ids[0] != m.tok.BOS() {
		t.Errorf("the text starts with id %d, want <bos>", ids[0])
	}
}

func TestTrapTwoBOS(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	for _, p := range []Prompt{"caption en", "<bos>caption en"} { // a prompt that spells it is refused
		ids := m.PromptIDs(p)
		if i := slices.Index(ids, m.tok.BOS()); i >= 0 && slices.Contains(ids[i+1:], m.tok.BOS()) {
			t.Errorf("prompt %q has ids %v, with <bos> twice", p, ids)
		}
	}
}

func TestTrapLocSegSplit(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	want := []string{"<loc0000>", "<loc1023>", "<seg000>", "<seg127>"}
	ids := m.Tokenize(strings.Join(want, ""))
	var got []string
	for _, id := range ids {
		if piece := m.Piece(id); piece != "▁" { // TestTrapSpaceBefore
			got = append(got, piece)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("locations and segments are cut into %q, want %q", got, want)
	}
	if text := m.Detokenize(ids); strings.TrimSpace(text) != strings.Join(want, "") {
		t.Errorf("they read %q", text)
	}
}

// TestTrapSpaceBefore: no space is put before a text, and those there are stay.
func TestTrapSpaceBefore(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	for _, text := range []string{"cat", " cat", " cat dog "} {
		var pieces string
		for _, id := range m.Tokenize(text) {
			pieces += m.Piece(id)
		}
		if want := strings.ReplaceAll(text, " ", "▁"); pieces != want {
			t.Errorf("%q has pieces %q, want %q", text, pieces, want)
		}
	}
}

// prefixOf returns the taps prefix [d, n] and mm.out [d, n] of each picture.
func prefixOf(t *testing.T, m *Model, rec *testmodel.Recorder, q question, withPictures bool) (prefix []float32, soft [][]float32) {
	t.Helper()
	rec.Take()
	var images []*Image
	if withPictures {
		images = encodeAll(t, m, q.pictures)
		for _, x := range rec.Take() {
			if x.Name == "mm.out" {
				soft = append(soft, x.Values)
			}
		}
	}
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), images, q.prompt))
	return testmodel.Find(t, rec.Take(), "prefix").Values, soft
}

func TestTrapFirstPictureOnly(t *testing.T) {
	rec := &testmodel.Recorder{}
	m, q := openOracle(t, "pg1-c", Options{Trace: rec.Trace}), readQuestion(t, "pg1-c")
	prefix, soft := prefixOf(t, m, rec, q, true)
	text, _ := prefixOf(t, m, rec, q, false)
	if got, want := len(prefix)-len(text), len(soft[0])+len(soft[1]); got != want {
		t.Fatalf("two pictures take %d values of the prefix, want %d", got, want)
	}
	for at := 0; at <= len(prefix)-len(soft[1]); at += m.cfg.Width {
		if testmodel.Cosine(prefix[at:][:len(soft[1])], soft[1]) > 0.9999 && at != 0 {
			return
		}
	}
	t.Error("the second picture is not in the prefix after the first")
}

// TestTrapTextScaleFixed: embeddings are multiplied by the root of the decoder's own
// width, here 96.
func TestTrapTextScaleFixed(t *testing.T) {
	p, rec := testmodel.OracleParts(t, "pg2-a"), &testmodel.Recorder{}
	embedding := p.Weights(t, "token_embd.weight")
	m, q := openParts(t, p, Options{Trace: rec.Trace}), readQuestion(t, "pg2-a")
	text, _ := prefixOf(t, m, rec, q, false)
	var want []float32
	for _, id := range m.PromptIDs(q.prompt) {
		for _, v := range embedding[int(id)*96:][:96] {
			want = append(want, v*float32(math.Sqrt(96)))
		}
	}
	if d := testmodel.Distance(text, want); !(d < 1e-6) {
		t.Errorf("embeddings in the prefix are %.1e from those of the file times sqrt(96)", d)
	}
}
