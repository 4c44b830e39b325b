package overlay

import (
	"context"
	"fmt"
	"image"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// placeLabels gives each mark its label, the smallest boxes first, because they
// have the least choice. The error is the font's, or ctx's cause.
func (s sheet) placeLabels(ctx context.Context, marks []mark, f *sfnt.Font) error {
	if s.em < leastEm {
		return nil
	}
	f, err := fontOr(f)
	if err != nil {
		return err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: s.em, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return fmt.Errorf("font: %w", err)
	}
	pad := int(math.Round(padding * s.em))
	height := int(math.Ceil(chipHeight * s.em))
	var placed []image.Rectangle
	for i := len(marks) - 1; i >= 0; i-- {
		m := &marks[i]
		width := min(s.bounds.Dx(), max(m.Box.Dx(), s.bounds.Dx()/2, int(mostEms*s.em)))
		if m.Box.Empty() {
			continue
		}
		texts, err := captions(ctx, face, m.Object, fixed.I(width-2*pad))
		if err != nil {
			return err
		}
		least := math.MaxInt
		for _, text := range texts {
			size := image.Pt(font.MeasureString(face, text).Ceil()+2*pad, height)
			box, covered, err := s.place(ctx, m.Box, size, placed)
			if err != nil {
				return err
			}
			if covered < least {
				m.chip, least = chip{text, box, s.em, face, m.color}, covered
			}
		}
		placed = append(placed, m.chip.box)
	}
	return nil
}

// place returns the first spot where a label covers the fewest pixels of the labels
// placed already, and the number of those pixels. The error is ctx's cause.
func (s sheet) place(ctx context.Context, box image.Rectangle, size image.Point, placed []image.Rectangle) (best image.Rectangle, least int, err error) {
	least = math.MaxInt
	for _, at := range s.spots(box, size) {
		if err := context.Cause(ctx); err != nil {
			return best, least, err
		}
		r := s.inside(image.Rectangle{at, at.Add(size)})
		covered := 0
		for _, p := range placed {
			covered += area(r.Intersect(p))
		}
		if covered < least {
			best, least = r, covered
		}
		if least == 0 {
			break
		}
	}
	return best, least, nil
}

// spots returns the upper left corners where a label may stand, the best first:
// above the box, at its top, below it, then further and further down, each at the
// left and at the right.
func (s sheet) spots(box image.Rectangle, size image.Point) []image.Point {
	above, below := box.Min.Y-size.Y, box.Max.Y
	var rows []int
	if above >= 0 {
		rows = append(rows, above)
	}
	rows = append(rows, box.Min.Y)
	if below+size.Y <= s.bounds.Max.Y {
		rows = append(rows, below)
	}
	for k := 1; k <= 32; k++ {
		rows = append(rows, box.Min.Y+k*size.Y)
	}
	var all []image.Point
	for _, y := range rows {
		all = append(all, image.Pt(box.Min.X, y), image.Pt(box.Max.X-size.X, y))
	}
	return all
}

// inside moves a label's rectangle into the picture.
func (s sheet) inside(r image.Rectangle) image.Rectangle {
	return r.Add(image.Pt(
		min(0, s.bounds.Max.X-r.Max.X)+max(0, s.bounds.Min.X-r.Min.X),
		min(0, s.bounds.Max.Y-r.Max.Y)+max(0, s.bounds.Min.Y-r.Min.Y)))
}
