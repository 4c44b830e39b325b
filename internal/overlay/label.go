package overlay

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// Sizes of a label's coloured ground, in parts of the letters' size.
const (
	chipHeight = 1.35
	padding    = 0.35 // left and right of the text
	baseline   = 1.0  // from the top
	rounding   = 0.22 // radius of the corners
	leastEm    = 5    // pixels; smaller letters cannot be read and are left out
	mostEms    = 14   // of width that a label may have, however small its box
)

// A chip is a label with its ground; an empty box means there is none.
type chip struct {
	text  string
	box   image.Rectangle
	em    float64
	face  font.Face
	color color.RGBA
}

var goMedium = sync.OnceValues(func() (*sfnt.Font, error) { return opentype.Parse(gomedium.TTF) })

// Missing returns the characters of a label that a font, nil for Go Medium, has
// no glyph for, each once.
func Missing(f *sfnt.Font, label string) ([]rune, error) {
	f, err := fontOr(f)
	if err != nil {
		return nil, err
	}
	var missing []rune
	var b sfnt.Buffer
	for _, r := range printable(label) {
		i, err := f.GlyphIndex(&b, r)
		if err != nil {
			return nil, fmt.Errorf("font: %w", err)
		}
		if i == 0 && !strings.ContainsRune(string(missing), r) {
			missing = append(missing, r)
		}
	}
	return missing, nil
}

func fontOr(f *sfnt.Font) (*sfnt.Font, error) {
	if f != nil {
		return f, nil
	}
	return goMedium()
}

// printable keeps a label on one line.
func printable(label string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, label)
}

// captions are what a label may say within a width, the best first: with its
// score; alone, cut at the end if need be.
func captions(face font.Face, o Object, width fixed.Int26_6) []string {
	fits := func(s string) bool { return s != "" && font.MeasureString(face, s) <= width }
	label := printable(o.Label)
	var all []string
	if with := withScore(label, o.Score); o.Score > 0 && fits(with) {
		all = append(all, with)
	}
	cut := label
	for letters := []rune(label); !fits(cut) && len(letters) > 1; {
		letters = letters[:len(letters)-1]
		cut = strings.TrimSpace(string(letters)) + "…"
	}
	if fits(cut) {
		all = append(all, cut)
	}
	return all
}

func withScore(label string, score float32) string {
	if score > 0 {
		label = fmt.Sprintf("%s %.2f", label, score)
	}
	return strings.TrimSpace(label)
}

// draw draws a label: a ground with round corners, and the text.
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

// dot is where the text's baseline starts.
func (c chip) dot() fixed.Point26_6 {
	return fixed.P(c.box.Min.X+int(math.Round(padding*c.em)), c.box.Min.Y+int(math.Round(baseline*c.em)))
}
