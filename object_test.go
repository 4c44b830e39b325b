package paligemma

import (
	"encoding/json"
	"image"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestObjectsGolden compares boxes with scripts/locseg/golden.py: pixels by both
// rules, from text and from tokens.
func TestObjectsGolden(t *testing.T) {
	var cases []struct {
		Text          string
		Width, Height int
		Objects       []struct {
			Label      string
			Loc        [4]int
			Codes      []int
			Pixels     [4]int
			Pixels1023 [4]int
		}
	}
	must(t, json.Unmarshal(testmodel.Read(t, "testdata/locseg/parse.json"), &cases))
	n := 0
	for _, scale := range []int{1024, 1023} {
		m := &Model{opts: Options{LocScale: scale}}
		for _, c := range cases {
			size := image.Pt(c.Width, c.Height)
			objects, problems := m.ParseObjects(c.Text, size)
			if len(objects) != len(c.Objects) {
				t.Fatalf("%q has %d objects, want %d", c.Text, len(objects), len(c.Objects))
			}
			for i, want := range c.Objects {
				got, px := objects[i], want.Pixels
				if scale == 1023 {
					px = want.Pixels1023
				}
				if got.Label != want.Label || !slices.Equal(got.Codes, want.Codes) || got.Pixels != image.Rect(px[0], px[1], px[2], px[3]) {
					t.Errorf("%q: object %d is %+v, want %+v", c.Text, i, got, want)
				}
				if f := float64(want.Loc[2]) / float64(scale); got.Box.Y1 != f {
					t.Errorf("box ends at %v of the height, want %v", got.Box.Y1, f)
				}
				n++
			}
			byTokens, otherProblems := m.Objects(spell(c.Text), size)
			if len(byTokens) != len(objects) || len(otherProblems) != len(problems) {
				t.Fatalf("%q has %d objects and %d problems as text, %d and %d as tokens", c.Text, len(objects), len(problems), len(byTokens), len(otherProblems))
			}
			for i := range objects {
				got := byTokens[i]
				got.First, got.Last, got.Score = objects[i].First, objects[i].Last, 0
				if !reflect.DeepEqual(got, objects[i]) {
					t.Errorf("%q: object %d is %+v as text, %+v as tokens", c.Text, i, objects[i], got)
				}
			}
		}
	}
	if n < 400 {
		t.Errorf("%d objects: too few to tell", n)
	}
}

// spell cuts a text into a token for each loc, seg, and character.
func spell(text string) []Token {
	var list []Token
	for text != "" {
		_, n := utf8.DecodeRuneInString(text)
		for _, piece := range []string{"<loc0000>", "<seg000>"} {
			if strings.HasPrefix(text, piece[:4]) && len(text) >= len(piece) && text[len(piece)-1] == '>' {
				n = len(piece)
			}
		}
		list = append(list, Token{Text: text[:n]})
		text = text[n:]
	}
	return list
}

// TestObjectTokens checks which tokens an object is made of.
func TestObjectTokens(t *testing.T) {
	m := &Model{opts: Options{LocScale: 1024}}
	var tokens []Token
	for i, text := range []string{"oh ", "<loc0001>", "<loc0002>", "<loc0512>", "<loc1023>", " gro", "", "ße Katze ;", " ", "<loc0001>", "<loc0002>", " x"} {
		tokens = append(tokens, Token{ID: int32(i), Text: text, Spread: float32(i)})
	}
	objects, problems := m.Objects(tokens, image.Pt(100, 200))
	want := []Object{{
		Label: "große Katze", Box: Box{2. / 1024, 1. / 1024, 1023. / 1024, 0.5}, Pixels: image.Rect(0, 0, 100, 100),
		Score: float32(math.Exp(-(1.+3)/511 - (2.+4)/1021)), First: 1, Last: 8,
	}}
	if !reflect.DeepEqual(objects, want) {
		t.Errorf("objects are %+v, want %+v", objects, want)
	}
	wrong := []Problem{{"text outside of objects", "oh", 0, 1}, {"2 loc, want 4", "<loc0001><loc0002> x", 9, 12}}
	if !reflect.DeepEqual(problems, wrong) {
		t.Errorf("problems are %+v, want %+v", problems, wrong)
	}
	for _, size := range []image.Point{{}, {0, 5}, {-3, -4}, {1, 1}} {
		if objects, _ = m.Objects(tokens, size); size != image.Pt(1, 1) && !objects[0].Pixels.Empty() {
			t.Errorf("box in a picture of %v is %v, want an empty one", size, objects[0].Pixels)
		}
	}
}

func TestObjectJSON(t *testing.T) {
	o := Object{Label: "cat", Box: Box{0.25, 0, 0.5, 1}, Pixels: image.Rect(1, 2, 3, 4), Mask: image.NewAlpha(image.Rect(1, 2, 3, 4)), Codes: []int{1, 2}, Score: 0.5, First: 1, Last: 7}
	for _, c := range []struct {
		o    Object
		want string
	}{
		{o, `{"label":"cat","box":{"x0":0.25,"y0":0,"x1":0.5,"y1":1},"pixels":{"x0":1,"y0":2,"x1":3,"y1":4},"codes":[1,2],"score":0.5,"first":1,"last":7}`},
		{Object{}, `{"label":"","box":{"x0":0,"y0":0,"x1":0,"y1":0},"score":0,"first":0,"last":0}`},
	} {
		if got, err := json.Marshal(c.o); err != nil || string(got) != c.want {
			t.Errorf("object is %s, %v\nwant %s", got, err, c.want)
		}
	}
}

// FuzzObjects cuts a text into tokens at will: the objects are those of the
// text, and their tokens spell them.
func FuzzObjects(f *testing.F) {
	f.Add("a <loc0001><loc0002><loc0003><loc0004> große Katze ; <loc0001> x", uint64(0x1234567))
	f.Add("<loc0001><loc0002><loc0003><loc0004>"+strings.Repeat("<seg127>", 16)+" c", uint64(1)<<63)
	f.Fuzz(func(t *testing.T, text string, cuts uint64) {
		m := &Model{opts: Options{LocScale: 1024}}
		var tokens []Token
		start := 0
		for i := range text {
			if cuts>>(i%64)&1 == 1 {
				tokens = append(tokens, Token{Text: text[start:i], Spread: 1})
				start = i
			}
		}
		tokens = append(tokens, Token{Text: text[start:], Spread: 1})
		spelled := func(first, last int) string {
			var b strings.Builder
			for _, x := range tokens[first:last] {
				b.WriteString(x.Text)
			}
			return b.String()
		}
		size := image.Pt(640, 480)
		objects, problems := m.ParseObjects(text, size)
		byTokens, otherProblems := m.Objects(tokens, size)
		if len(byTokens) != len(objects) || len(otherProblems) != len(problems) {
			t.Fatalf("%d objects and %d problems as text, %d and %d as tokens", len(objects), len(problems), len(byTokens), len(otherProblems))
		}
		for i, o := range objects {
			got := byTokens[i]
			if got.Label != o.Label || got.Pixels != o.Pixels || !strings.Contains(spelled(got.First, got.Last), text[o.First:o.Last]) {
				t.Errorf("object %+v as text, %+v as tokens", o, got)
			}
			if !(got.Score >= 0 && got.Score < 1) || !got.Pixels.In(image.Rect(0, 0, 640, 480)) {
				t.Errorf("object %+v", got)
			}
		}
		for i, p := range problems {
			if got := otherProblems[i]; got.Text != p.Text || !strings.Contains(spelled(got.First, got.Last), p.Text) {
				t.Errorf("problem %+v as text, %+v as tokens", p, got)
			}
		}
	})
}

func TestScoreIsTheOverlap(t *testing.T) {
	corners := func(spread ...float32) []Token {
		var list []Token
		for _, s := range spread {
			list = append(list, Token{Spread: s})
		}
		return list
	}
	loc := [4]int{100, 200, 300, 600} // 200 high, 400 wide
	for _, c := range []struct {
		name    string
		corners []Token
		want    float64
	}{
		{"sure", corners(0, 0, 0, 0), 1},
		{"y0", corners(2, 0, 0, 0), math.Exp(-0.01)},
		{"x0", corners(0, 2, 0, 0), math.Exp(-0.005)},
		{"y1", corners(0, 0, 2, 0), math.Exp(-0.01)},
		{"x1", corners(0, 0, 0, 2), math.Exp(-0.005)},
		{"all", corners(20, 20, 20, 20), math.Exp(-0.3)},
		{"lost", corners(341, 341, 341, 341), math.Exp(-5.115)},
		{"text", corners(0, 0, 0), 0},
		{"nothing", nil, 0},
	} {
		if got := score(c.corners, loc); math.Abs(float64(got)-c.want) > 1e-6 {
			t.Errorf("%s: score is %v, want %v", c.name, got, c.want)
		}
	}
	for i := range 100 { // an edge that is off by d of a side: the formula is the overlap's, to first order
		d := float64(i) / 1000
		overlap := 1 - d
		if got := float64(score(corners(float32(200*d), 0, 0, 0), loc)); math.Abs(got-overlap) > d*d {
			t.Errorf("an edge off by %v gives score %v, overlap %v", d, got, overlap)
		}
	}
}

// TestSpread compares each token of an answer with the distribution that the
// same model gives to the text before it.
func TestSpread(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	ids, err := m.locseg()
	must(t, err)
	prompt := Detect("cat")
	s := newSession(t, m)
	r, err := s.Run(t.Context(), nil, prompt, &Sampling{Grammar: grammar.Boxes("cat"), MaxTokens: 24, Temperature: 1, Seed: 3})
	must(t, err)
	must(t, s.Prefill(t.Context(), nil, prompt))
	locs, low := 0, [2]int{} // of the object at hand
	for _, x := range r.Tokens {
		at, isLoc := ids.LocOf(x.ID)
		if !isLoc {
			if x.Spread != 0 {
				t.Errorf("token %q has spread %v, want 0", x.Text, x.Spread)
			}
			must(t, s.Append(t.Context(), x.ID))
			continue
		}
		logits, err := s.Logits(t.Context())
		must(t, err)
		first, last := 0, 1024 // that the grammar allows
		if locs%4 < 2 {
			last = 1023
			low[locs%4] = at
		} else {
			first = low[locs%4-2] + 1
		}
		mass, sum := 0.0, 0.0
		for i := first; i < last; i++ {
			p := math.Exp(float64(logits[int(ids.Loc)+i]))
			mass, sum = mass+p, sum+p*math.Abs(float64(i-at))
		}
		if want := sum / mass; math.Abs(float64(x.Spread)-want) > 1e-3*(1+want) {
			t.Errorf("token %q has spread %v, want %v", x.Text, x.Spread, want)
		}
		locs++
		must(t, s.Append(t.Context(), x.ID))
	}
	if locs < 8 {
		t.Errorf("%d loc tokens: too few to tell", locs)
	}
	for _, o := range r.Objects {
		if !(o.Score > 0 && o.Score < 1) || o.Pixels != (image.Rectangle{}) {
			t.Errorf("object %+v", o)
		}
	}
}
