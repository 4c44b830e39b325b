package paligemma

import (
	"math"
	"slices"
	"strings"
	"testing"
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

func TestTrapNewline(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	for _, p := range []Prompt{"", "caption en", "caption en "} {
		if ids := m.PromptIDs(p); ids[len(ids)-1] != newline(t, m) {
			t.Errorf("prompt %q ends with id %d, want a newline", p, ids[len(ids)-1])
		}
	}
}

// TestTrapNewlineApart: the newline is not merged with one that ends the text.
func TestTrapNewlineApart(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	if got, want := m.PromptIDs("ocr\n"), append(m.PromptIDs("ocr"), newline(t, m)); len(want) > 1 && len(got) != len(want) {
		t.Errorf("a text with a newline has ids %v, want %v", got, want)
	}
}

func TestTrapBOS(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	if ids := m.PromptIDs("caption en"); ids[0] != m.tok.BOS() {
		t.Errorf("the text starts with id %d, want <bos>", ids[0])
	}
}

func TestTrapBOSOnce(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	for _, p := range []Prompt{"caption en", "<bos>caption en"} { // the spelling in a text is plain text
		ids := m.PromptIDs(p)
		if i := slices.Index(ids, m.tok.BOS()); i >= 0 && slices.Contains(ids[i+1:], m.tok.BOS()) {
			t.Errorf("prompt %q has ids %v, with <bos> twice", p, ids)
		}
	}
}

func TestTrapLocSeg(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	want := []string{"<loc0000>", "<loc1023>", "<seg000>", "<seg127>"}
	ids := m.Tokenize(strings.Join(want, ""))
	var got []string
	for _, id := range ids {
		if piece := m.Piece(id); piece != "▁" { // TestTrapSpaces
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

// TestTrapSpaces: no space is put before a text, and those there are stay.
func TestTrapSpaces(t *testing.T) {
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
func prefixOf(t *testing.T, m *Model, rec *recorder, q question, withPictures bool) (prefix []float32, soft [][]float32) {
	t.Helper()
	rec.take()
	var images []*Image
	if withPictures {
		images = encodeAll(t, m, q.pictures)
		for _, x := range rec.take() {
			if x.name == "mm.out" {
				soft = append(soft, x.values)
			}
		}
	}
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), images, q.prompt))
	return findTap(t, rec.take(), "prefix").values, soft
}

// TestTrapPictureFirst: soft tokens come before the text. Only their direction
// is looked at.
func TestTrapPictureFirst(t *testing.T) {
	for _, name := range []string{"pg1-c", "pg2-a"} {
		rec := &recorder{}
		m, q := openOracle(t, name, Options{Trace: rec.trace}), readQuestion(t, name)
		prefix, soft := prefixOf(t, m, rec, q, true)
		if c := cosine(prefix[:len(soft[0])], soft[0]); c < 0.9999 {
			t.Errorf("%s: the prefix starts with something at cosine %.3f to the picture", name, c)
		}
	}
}

func TestTrapAllPictures(t *testing.T) {
	rec := &recorder{}
	m, q := openOracle(t, "pg1-c", Options{Trace: rec.trace}), readQuestion(t, "pg1-c")
	prefix, soft := prefixOf(t, m, rec, q, true)
	text, _ := prefixOf(t, m, rec, q, false)
	if got, want := len(prefix)-len(text), len(soft[0])+len(soft[1]); got != want {
		t.Fatalf("two pictures take %d values of the prefix, want %d", got, want)
	}
	for at := 0; at <= len(prefix)-len(soft[1]); at += m.cfg.Width {
		if cosine(prefix[at:][:len(soft[1])], soft[1]) > 0.9999 && at != 0 {
			return
		}
	}
	t.Error("the second picture is not in the prefix after the first")
}

// TestTrapPictureScale: soft tokens enter the decoder as the projector makes
// them, wherever they stand.
func TestTrapPictureScale(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg2-a"} {
		rec := &recorder{}
		m, q := openOracle(t, name, Options{Trace: rec.trace}), readQuestion(t, name)
		prefix, soft := prefixOf(t, m, rec, q, true)
		text, _ := prefixOf(t, m, rec, q, false)
		ratio := math.Sqrt((power(prefix) - power(text)) / power(soft[0]))
		if math.Abs(ratio-1) > 1e-4 {
			t.Errorf("%s: soft tokens are multiplied by %.4f", name, ratio)
		}
	}
}

// TestTrapTextScale: embeddings are multiplied by the root of the decoder's own
// width, here 96.
func TestTrapTextScale(t *testing.T) {
	p, rec := oracleParts(t, "pg2-a"), &recorder{}
	embedding := p.weights(t, "token_embd.weight")
	m, q := p.model(t, Options{Trace: rec.trace}), readQuestion(t, "pg2-a")
	text, _ := prefixOf(t, m, rec, q, false)
	var want []float32
	for _, id := range m.PromptIDs(q.prompt) {
		for _, v := range embedding[int(id)*96:][:96] {
			want = append(want, v*float32(math.Sqrt(96)))
		}
	}
	if d := distance(text, want); !(d < 1e-6) {
		t.Errorf("embeddings in the prefix are %.1e from those of the file times sqrt(96)", d)
	}
}

func power(x []float32) float64 { return dot(x, x) }

func dot(x, y []float32) float64 {
	sum := 0.0
	for i := range x {
		sum += float64(x[i]) * float64(y[i])
	}
	return sum
}

func cosine(x, y []float32) float64 { return dot(x, y) / math.Sqrt(power(x)*power(y)) }
