package paligemma

import (
	"encoding/json"
	"image"
	"math"
	"sort"
	"strings"

	"github.com/pgcli/paligemma/internal/locseg"
)

// An Object is a thing that an answer points at.
type Object struct {
	Label string // "" if the answer names none
	Box   Box

	// Pixels is the box in the picture that was asked about, whose corner is
	// (0, 0); empty if its size is not known, or if the box is less than a pixel.
	Pixels image.Rectangle

	// Mask covers Pixels, a byte each: opaque is the thing, from 128 on it is
	// meant to count. It is nil unless the answer has one, the model has a mask
	// decoder, Pixels has at least one pixel and at most Options.MaxPixels, and
	// Run or AddMasks decoded it.
	Mask *image.Alpha

	// Codes are the 16 numbers from 0 to 127 that a mask is spelled with; nil if
	// the answer has none.
	Codes []int

	// Score estimates how well the box fits, from 0 to 1: see Model.Objects. It is
	// 0 for objects of a text, which has no probabilities.
	Score float32

	// First and Last say where in the answer it is spelled, [First, Last): in
	// tokens, or in bytes of a text.
	First, Last int
}

// A Box is a rectangle in fractions of a picture's width and height, from its
// upper left corner.
type Box struct {
	X0 float64 `json:"x0"`
	Y0 float64 `json:"y0"`
	X1 float64 `json:"x1"`
	Y1 float64 `json:"y1"`
}

// A Problem is a part of an answer that looks like an object and is not one, such
// as a box of three loc tokens, or text among objects.
type Problem struct {
	Reason string `json:"reason"`
	Text   string `json:"text"`
	First  int    `json:"first"` // as in Object
	Last   int    `json:"last"`
}

// An objectJSON is an Object in JSON, which leaves out the mask's pixels.
type objectJSON struct {
	Label  string      `json:"label"`
	Box    Box         `json:"box"`
	Pixels *pixelsJSON `json:"pixels,omitempty"`
	Codes  []int       `json:"codes,omitempty"`
	Score  float32     `json:"score"`
	First  int         `json:"first"`
	Last   int         `json:"last"`
}

// A pixelsJSON is a rectangle of pixels in JSON; X1 and Y1 are outside.
type pixelsJSON struct {
	X0 int `json:"x0"`
	Y0 int `json:"y0"`
	X1 int `json:"x1"`
	Y1 int `json:"y1"`
}

// MarshalJSON writes everything but the mask's pixels.
func (o Object) MarshalJSON() ([]byte, error) {
	out := objectJSON{o.Label, o.Box, nil, o.Codes, o.Score, o.First, o.Last}
	if r := o.Pixels; !r.Empty() {
		out.Pixels = &pixelsJSON{r.Min.X, r.Min.Y, r.Max.X, r.Max.Y}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads everything that MarshalJSON writes. Mask stays nil.
func (o *Object) UnmarshalJSON(data []byte) error {
	var in objectJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*o = Object{Label: in.Label, Box: in.Box, Codes: in.Codes, Score: in.Score, First: in.First, Last: in.Last}
	if p := in.Pixels; p != nil {
		o.Pixels = image.Rect(p.X0, p.Y0, p.X1, p.Y1)
	}
	return nil
}

// Objects returns the objects of an answer about a picture of a size in pixels,
// in the order of the answer, and its problems. A zero size leaves Pixels empty.
// They have no masks: AddMasks decodes those. Result.Objects has all of it already.
//
// The score of an object estimates how well its box fits: the intersection over
// union with the thing, if each edge is as far off as the model's own
// distribution has it on average. With that distance e, Token.Spread, it is
// exp(-(e(y0)+e(y1))/height - (e(x0)+e(x1))/width), all in steps of loc tokens.
func (m *Model) Objects(tokens []Token, size image.Point) ([]Object, []Problem) {
	var text strings.Builder
	ends := make([]int, len(tokens)) // of each token, in bytes
	for i, t := range tokens {
		text.WriteString(t.Text)
		ends[i] = text.Len()
	}
	// inTokens returns the tokens that spell a span of the text.
	inTokens := func(s locseg.Span) (first, last int) {
		return sort.SearchInts(ends, s.First+1), sort.SearchInts(ends, s.Last) + 1
	}
	found, wrong := locseg.Parse(text.String())
	objects := m.objects(found, size)
	for i, o := range found {
		first, last := inTokens(o.Corners())
		objects[i].Score = score(tokens[first:last], o.Loc)
		objects[i].First, objects[i].Last = inTokens(o.Span)
	}
	problems := reported(wrong, text.String())
	for i, p := range problems {
		problems[i].First, problems[i].Last = inTokens(locseg.Span{First: p.First, Last: p.Last})
	}
	return objects, problems
}

// ParseObjects is Objects for a text, such as an answer in a data set.
func (m *Model) ParseObjects(text string, size image.Point) ([]Object, []Problem) {
	found, wrong := locseg.Parse(text)
	return m.objects(found, size), reported(wrong, text)
}

// objects places objects that were found in a text on a picture.
func (m *Model) objects(found []locseg.Object, size image.Point) (list []Object) {
	for _, f := range found {
		o := Object{Label: f.Label, First: f.First, Last: f.Last}
		o.Box = m.box(f.Loc)
		o.Pixels = o.Box.pixels(size)
		if f.Codes != nil {
			o.Codes = f.Codes[:]
		}
		list = append(list, o)
	}
	return list
}

func (m *Model) box(loc [4]int) Box {
	at := func(i int) float64 { return float64(loc[i]) / float64(m.opts.LocScale) }
	return Box{Y0: at(0), X0: at(1), Y1: at(2), X1: at(3)}
}

// pixels rounds as big_vision's demo does, which is Python's round.
func (b Box) pixels(size image.Point) image.Rectangle {
	round := func(f float64, n int) int { return int(math.RoundToEven(f * float64(n))) }
	return image.Rectangle{
		Min: image.Pt(round(b.X0, size.X), round(b.Y0, size.Y)),
		Max: image.Pt(round(b.X1, size.X), round(b.Y1, size.Y)),
	}
}

func reported(wrong []locseg.Problem, text string) []Problem {
	var list []Problem
	for _, p := range wrong {
		list = append(list, Problem{Reason: p.Reason, Text: text[p.First:p.Last], First: p.First, Last: p.Last})
	}
	return list
}

// score rates a box by the tokens of its corners y0, x0, y1, x1, see
// Model.Objects. An edge that is off by a part of the box's side costs about as
// much of the overlap.
func score(corners []Token, loc [4]int) float32 {
	if len(corners) != len(loc) { // not loc tokens, but text that reads like them
		return 0
	}
	sum := 0.0
	for i, t := range corners {
		sum += float64(t.Spread) / float64(loc[i|2]-loc[i&1])
	}
	return float32(math.Exp(-sum))
}
