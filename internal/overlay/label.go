package overlay

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// Sizes of a label and its coloured ground, in ems: sizes of its letters.
const (
	chipHeight = 1.35
	padding    = 0.35 // left and right of the text
	baseline   = 1.0  // from the top
	rounding   = 0.22 // radius of the corners
	leastEm    = 5    // pixels; smaller letters cannot be read and are left out
	mostEms    = 14   // width that a label may always have, however small its box
)

// A chip is a placed label with its ground. A mark without a label has an empty
// box.
type chip struct {
	text  string
	box   image.Rectangle
	em    float64 // size of the letters in pixels
	face  font.Face
	color color.RGBA
}

var goMedium = sync.OnceValues(func() (*sfnt.Font, error) { return opentype.Parse(gomedium.TTF) })

// Missing returns the characters of a label that have no glyph in a font, each
// once. A nil font stands for Go Medium.
func Missing(f *sfnt.Font, label string) ([]rune, error) {
	f, err := fontOr(f)
	if err != nil {
		return nil, err
	}
	var missing []rune
	var b sfnt.Buffer
	seen := map[rune]bool{}
	for _, r := range printable(label) {
		if seen[r] {
			continue
		}
		seen[r] = true
		i, err := f.GlyphIndex(&b, r)
		if err != nil {
			return nil, fmt.Errorf("font: %w", err)
		}
		if i == 0 {
			missing = append(missing, r)
		}
	}
	return missing, nil
}

// fontOr returns f, or Go Medium if f is nil.
func fontOr(f *sfnt.Font) (*sfnt.Font, error) {
	if f != nil {
		return f, nil
	}
	return goMedium()
}

// printable replaces control characters by spaces, so that a label is one line.
func printable(label string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, label)
}

// captions returns the texts for a label that fit a width, the best first: the
// label with its score, then the label alone, cut at the end if it is too long. The error is
// ctx's cause.
func captions(ctx context.Context, face font.Face, o Object, width fixed.Int26_6) ([]string, error) {
	fits := func(s string) bool { return s != "" && font.MeasureString(face, s) <= width }
	label := printable(o.Label)
	if most := max(0, width.Ceil()); utf8.RuneCountInString(label) > most { // a letter is a pixel wide, or more
		label = string([]rune(label)[:most]) + "…"
	}
	var all []string
	if with := withScore(label, o.Score); o.Score > 0 && fits(with) {
		all = append(all, with)
	}
	cut := label
	for letters := []rune(label); !fits(cut) && len(letters) > 1; {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		letters = letters[:len(letters)-1]
		cut = strings.TrimSpace(string(letters)) + "…"
	}
	if fits(cut) {
		all = append(all, cut)
	}
	return all, nil
}

// withScore appends a score other than 0 to a label.
func withScore(label string, score float32) string {
	if score > 0 {
		label = fmt.Sprintf("%s %.2f", label, score)
	}
	return strings.TrimSpace(label)
}

// draw draws the ground of a label, with round corners, and its text.
func (c chip) draw(dst draw.Image) {
	if c.box.Empty() {
		return
	}
	r := vector.NewRasterizer(c.box.Dx(), c.box.Dy())
	w, h := float32(c.box.Dx()), float32(c.box.Dy())
	k := float32(math.Round(c.em * rounding))
	r.MoveTo(k, 0)
	r.LineTo(w-k, 0)
	r.QuadTo(w, 0, w, k)
	r.LineTo(w, h-k)
	r.QuadTo(w, h, w-k, h)
	r.LineTo(k, h)
	r.QuadTo(0, h, 0, h-k)
	r.LineTo(0, k)
	r.QuadTo(0, 0, k, 0)
	r.ClosePath()
	r.Draw(dst, c.box, image.NewUniform(c.color), image.Point{})
	d := font.Drawer{Dst: dst, Src: image.NewUniform(ink(c.color)), Face: c.face, Dot: c.dot()}
	d.DrawString(c.text)
}

// dot returns the point where the text's baseline starts.
func (c chip) dot() fixed.Point26_6 {
	return fixed.P(c.box.Min.X+int(math.Round(padding*c.em)), c.box.Min.Y+int(math.Round(baseline*c.em)))
}
