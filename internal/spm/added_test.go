package spm

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// addedSet is one set of tokens of scripts/spm/added.py, with the ids and the text
// that transformers 4.44.2, 4.57.1 and 5.24.0 return.
type addedSet struct {
	Name   string
	Tokens []AddedToken
	Cases  []struct {
		Text    string
		IDs     []int32
		Decoded string
	}
}

func readAdded(t testing.TB) []addedSet {
	t.Helper()
	var golden struct{ Sets []addedSet }
	if err := json.Unmarshal(readFile(t, "testdata/added.json"), &golden); err != nil {
		t.Fatal(err)
	}
	return golden.Sets
}

// addTo returns the tiny model's vocabulary with the tokens of a set.
func addTo(t testing.TB, tokens []AddedToken) Vocabulary {
	t.Helper()
	v, err := ParseModel(readFile(t, "../../models/tiny/tokenizer.model"))
	if err == nil {
		v, err = v.Add(tokens)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAddedTokensAsTransformers encodes and decodes with tokens that a fine-tuning
// added, by every flag, overlapping others, and equal to pieces that are merged.
func TestAddedTokensAsTransformers(t *testing.T) {
	for _, set := range readAdded(t) {
		checkAddedSet(t, mustNew(t, addTo(t, set.Tokens)), set)
	}
}

// TestAddedTokensOfTokenizerJSON reads the tokens from the file that transformers
// 4.57.1 saves, without a SentencePiece model.
func TestAddedTokensOfTokenizerJSON(t *testing.T) {
	z, err := gzip.NewReader(bytes.NewReader(readFile(t, "testdata/added.tokenizer.json.gz")))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ParseTokenizerJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	sets := readAdded(t)
	i := slices.IndexFunc(sets, func(s addedSet) bool { return s.Name == "flags" })
	want := addTo(t, sets[i].Tokens)
	if !slices.Equal(v.Pieces, want.Pieces) || !slices.Equal(v.Added, want.Added) || !slices.Equal(v.AddedFlags, want.AddedFlags) {
		t.Errorf("%d pieces, added tokens %v with flags %v, want %d, %v, %v", len(v.Pieces), v.Added, v.AddedFlags, len(want.Pieces), want.Added, want.AddedFlags)
	}
	checkAddedSet(t, mustNew(t, v), sets[i])
}

func checkAddedSet(t *testing.T, tok *Tokenizer, set addedSet) {
	t.Helper()
	for _, c := range set.Cases {
		if ids := tok.Encode(c.Text); !slices.Equal(ids, c.IDs) {
			t.Errorf("%s: %q encodes to %v, want %v", set.Name, c.Text, ids, c.IDs)
			continue
		}
		if text := tok.Decode(c.IDs); text != c.Decoded {
			t.Errorf("%s: %v decodes to %q, want %q", set.Name, c.IDs, text, c.Decoded)
		}
	}
}

// TestFewest: no text that transformers or SentencePiece cut has fewer ids, and the bound is
// reached by a text of longest pieces. An added token may take any amount of white space.
func TestFewest(t *testing.T) {
	for _, set := range readAdded(t) {
		tok := mustNew(t, addTo(t, set.Tokens))
		for _, c := range set.Cases {
			if n := tok.Fewest(c.Text); n > len(c.IDs) {
				t.Errorf("%s: Fewest(%q) = %d, want at most %d", set.Name, c.Text, n, len(c.IDs))
			}
		}
	}
	toks := map[string]*Tokenizer{}
	for _, g := range readGoldens(t, "testdata/encode.jsonl") {
		if toks[g.Variant] == nil {
			toks[g.Variant] = mustNew(t, smallVocabulary(t, g.Variant))
		}
		if n := toks[g.Variant].Fewest(g.input()); n > len(g.IDs) {
			t.Errorf("%s: Fewest(%q) = %d, want at most %d", g.Variant, g.input(), n, len(g.IDs))
		}
	}
	const n = 100
	id, long, blank := len(addTo(t, nil).Pieces), strings.Repeat("é ", 50)+"x", strings.Repeat(" ", 2000)
	for name, token := range map[string]AddedToken{"plain": {}, "normalized": {Normalized: true}, "right": {RStrip: true}, "left": {LStrip: true}, "both": {LStrip: true, RStrip: true}} {
		token.ID, token.Content = id, long
		tok := mustNew(t, addTo(t, []AddedToken{token}))
		text, least := strings.Repeat(long, n), n
		if tok.strips {
			least = n * 51 / 101 // without the spaces
		}
		if ids, got := len(tok.Encode(text)), tok.Fewest(text); ids != n || got > n || got < least {
			t.Errorf("%s: %d tokens have %d ids, and %d at least, want %d and %d to %d", name, n, ids, got, n, least, n)
		}
		text = blank + long + blank // one id if the token takes what is beside it
		if ids, got := len(tok.Encode(text)), tok.Fewest(text); got > ids {
			t.Errorf("%s: a token between white space has %d ids at least, want no more than %d", name, got, ids)
		}
	}
}

// TestAddedTokensAreChecked gives lists that no tokenizer has.
func TestAddedTokensAreChecked(t *testing.T) {
	v := addTo(t, nil)
	n := len(v.Pieces)
	for _, c := range []struct {
		token AddedToken
		want  string
	}{
		{AddedToken{ID: n + 1, Content: "<x>"}, "but the vocabulary before it has 1793 pieces"},
		{AddedToken{ID: -1, Content: "<x>"}, "has id -1"},
		{AddedToken{ID: 700, Content: "<x>"}, `added token "<x>" has id 700, which is the id of "<loc`},
	} {
		if _, err := v.Add([]AddedToken{c.token}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error is %v, want %q", c.token, err, c.want)
		}
	}
	full := addTo(t, []AddedToken{{ID: n, Content: "<x>"}})
	for _, c := range []struct {
		change func(*Vocabulary)
		want   string
	}{
		{func(v *Vocabulary) { v.AddedFlags = nil }, "1 added tokens have 0 flags"},
		{func(v *Vocabulary) { v.Added = []int32{int32(n + 1)} }, "below 1794"},
		{func(v *Vocabulary) { v.Added = []int32{-1} }, "want one above -1"},
		{func(v *Vocabulary) { v.AddedFlags = []int32{32} }, "has flags 32, want 0 to 31"},
		{func(v *Vocabulary) { v.Added = []int32{400} }, "has type 1, want 3 or 4"},
	} {
		v := full
		c.change(&v)
		if _, err := New(v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q", err, c.want)
		}
	}
	again, err := full.Add([]AddedToken{{ID: n, Content: "<x>", Normalized: true}})
	if err != nil || !slices.Equal(again.AddedFlags, []int32{normalized}) || len(again.Pieces) != len(full.Pieces) {
		t.Errorf("a token that is there already has flags %v, want those that come last; %v", again.AddedFlags, err)
	}
}

// TestWhiteSpaceIsReadOnce: the white space around places of a text is found as strings finds it
// around each alone, and that of a long run is not read again for each place within.
func TestWhiteSpaceIsReadOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		var text string
		for range n {
			text += string([]rune("\n\t \u3000a")[r.IntN(5-n%2)]) // every second text is all white space
		}
		read := 0
		b := blanks{text: text, is: func(c rune) bool { read++; return unicode.IsSpace(c) }}
		for i := range text {
			if i == 0 || r.IntN(3) == 0 {
				continue
			}
			if got, want := b.before(i), len(strings.TrimRightFunc(text[:i], unicode.IsSpace)); got != want {
				t.Fatalf("%q: the white space before byte %d starts at %d, want %d", text, i, got, want)
			}
			if got, want := b.behind(i), len(text)-len(strings.TrimLeftFunc(text[i:], unicode.IsSpace)); got != want {
				t.Fatalf("%q: the white space behind byte %d ends at %d, want %d", text, i, got, want)
			}
		}
		if read > 4*n {
			t.Fatalf("of %d characters %d are read, want at most four times as many", n, read)
		}
	}
}

// FuzzAdded encodes any text with an added token of any text and flags: ids are in
// range, and without flags that take white space the text comes back.
func FuzzAdded(f *testing.F) {
	f.Add("<x>", "a <x> b", byte(1))
	f.Add("  y", "  \n y   y", byte(0))
	f.Add("é", "é éa aé", byte(15))
	base := addTo(f, nil)
	f.Fuzz(func(t *testing.T, token, text string, bits byte) {
		v, err := base.Add([]AddedToken{{ID: len(base.Pieces), Content: token, Normalized: bits&1 != 0, LStrip: bits&2 != 0, RStrip: bits&4 != 0, SingleWord: bits&8 != 0}})
		if err != nil {
			t.Fatal(err)
		}
		tok, err := New(v)
		if err != nil {
			if token != "" && utf8.ValidString(token) && len(token) <= maxPieceBytes && !slices.Contains(base.Pieces, token) {
				t.Fatalf("token %q is refused: %v", token, err)
			}
			return
		}
		ids := tok.Encode(text)
		if n := tok.Fewest(text); n > len(ids) {
			t.Fatalf("Fewest(%q) with token %q = %d, but it has %d ids", text, token, n, len(ids))
		}
		want := strings.ReplaceAll(string([]rune(text)), "▁", " ")
		if got := tok.Decode(ids); bits&6 == 0 && token != ImagePiece && got != want {
			t.Fatalf("Decode(Encode(%q)) = %q, want %q", text, got, want)
		}
	})
}
