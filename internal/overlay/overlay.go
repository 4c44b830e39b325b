// Package overlay shows objects on the picture they were found in: drawn on a
// copy of it, as SVG, or as COCO results.
//
// Line widths and letters follow the picture's size, so that both a thumbnail
// and a 64 megapixel photo can be read. A label stands above its box if there is
// room. It is always inside the picture, and placed to cover as little as possible
// of the other labels.
package overlay

import (
	"context"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"

	"golang.org/x/image/font/sfnt"

	"github.com/pgcli/paligemma/internal/imageproc"
)

// An Object is a thing found in a picture. Coordinates are in pixels of a picture
// whose corner is (0, 0); parts outside it are cut off.
type Object struct {
	Label string
	Score float32 // shown with two decimals; 0 is not shown
	Box   image.Rectangle
	Mask  *image.Alpha // 128 or more is inside; nil without a mask

	// Masked returns the mask instead, if it is not nil. It is called each time the mask is
	// needed, so that those of many objects are not in memory together.
	Masked func(ctx context.Context) (*image.Alpha, error)
}

// mask returns the object's mask, nil without one.
func (o *Object) mask(ctx context.Context) (*image.Alpha, error) {
	if o.Masked != nil {
		return o.Masked(ctx)
	}
	return o.Mask, nil
}

// A Style says how objects look. The zero value is useful.
type Style struct {
	// Palette gives each label its colour; nil stands for a new palette. Pictures
	// that share a palette show a label in the same colour.
	Palette *Palette

	// Font is the font of the labels; nil stands for Go Medium, which has Latin,
	// Greek and Cyrillic letters. Other letters are drawn as boxes: see Missing.
	Font *sfnt.Font
}

// A mark is an object with its colour and its placed label.
type mark struct {
	Object
	color color.RGBA
	chip  chip
}

// A sheet is a picture's size with the line width and letter size for it, all in
// pixels.
type sheet struct {
	bounds image.Rectangle // from (0, 0)
	line   int             // width of a box's line
	em     float64         // size of the letters
}

// newSheet chooses line width and letter size for a picture of a size in pixels.
func newSheet(size image.Point) sheet {
	side := math.Sqrt(float64(size.X) * float64(size.Y))
	return sheet{
		bounds: image.Rectangle{Max: size},
		line:   int(1.3 + side/320),
		em:     math.Min(7.2+side/55, float64(min(size.X, size.Y))/chipHeight),
	}
}

// layout returns the marks of objects, the largest box first, so that smaller ones
// are drawn on top. It ends with ctx, which it looks at for each label.
func (s sheet) layout(ctx context.Context, objects []Object, style Style) ([]mark, error) {
	palette := style.Palette
	if palette == nil {
		palette = &Palette{}
	}
	marks := make([]mark, len(objects))
	for i, o := range objects {
		marks[i] = mark{Object: o, color: palette.Color(o.Label)}
		marks[i].Box = o.Box.Canon().Intersect(s.bounds)
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return area(b.Box) - area(a.Box) })
	return marks, s.placeLabels(ctx, marks, style.Font)
}

func area(r image.Rectangle) int { return r.Dx() * r.Dy() }

// Draw returns a copy of a picture with objects drawn on it. The copy's corner is
// (0, 0), and it is opaque: alpha is dropped, not blended. It ends with ctx, which it looks at
// before each outline and each line of a mask.
func Draw(ctx context.Context, img image.Image, objects []Object, style Style) (*image.RGBA, error) {
	dst, err := rgba(ctx, img)
	if err != nil {
		return nil, err
	}
	s := newSheet(dst.Rect.Size())
	marks, err := s.layout(ctx, objects, style)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		mask, err := m.mask(ctx)
		if err != nil {
			return nil, err
		}
		if err := tint(ctx, dst, mask, m.color); err != nil {
			return nil, err
		}
	}
	for _, m := range marks {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		mask, err := m.mask(ctx)
		if err != nil {
			return nil, err
		}
		if mask != nil { // outlines stay inside the mask's bounds
			within := dst.SubImage(mask.Rect).(draw.Image)
			outlines, err := contours(ctx, mask)
			if err != nil {
				return nil, err
			}
			if s.line > 1 {
				if err := stroke(ctx, within, outlines, shadeWidth*float32(s.line), shade); err != nil {
					return nil, err
				}
			}
			if err := stroke(ctx, within, outlines, float32(s.line), m.color); err != nil {
				return nil, err
			}
		}
		s.frame(dst, m.Box, m.color)
	}
	for _, m := range marks {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		m.chip.draw(dst)
	}
	return dst, nil
}

// rgba returns an opaque copy of a picture with its corner at (0, 0).
func rgba(ctx context.Context, img image.Image) (*image.RGBA, error) {
	rgb, err := imageproc.FromImage(ctx, img, math.MaxInt)
	if err != nil {
		return nil, err
	}
	m := image.NewRGBA(rgb.Bounds())
	for y := range rgb.Height {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		for i := y * rgb.Width; i < (y+1)*rgb.Width; i++ {
			copy(m.Pix[4*i:4*i+3], rgb.Pix[3*i:3*i+3])
			m.Pix[4*i+3] = 0xff
		}
	}
	return m, nil
}

// maskOpacity is the share of a mask's colour in the pixels inside it.
const maskOpacity = 0.4

// tint mixes a colour into the pixels inside a mask.
func tint(ctx context.Context, dst *image.RGBA, mask *image.Alpha, c color.RGBA) error {
	if mask == nil {
		return nil
	}
	mix := func(from, to uint8) uint8 {
		return uint8(math.Round(float64(from) + maskOpacity*(float64(to)-float64(from))))
	}
	r := mask.Rect.Intersect(dst.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		for x := r.Min.X; x < r.Max.X; x++ {
			if mask.AlphaAt(x, y).A >= opaque {
				p := dst.Pix[dst.PixOffset(x, y):]
				p[0], p[1], p[2] = mix(p[0], c.R), mix(p[1], c.G), mix(p[2], c.B)
			}
		}
	}
	return nil
}

// shade is the colour beside lines, which sets them off from a picture of the same
// colour. A line of one pixel has no shade.
var shade = color.RGBA{A: 0x50}

// shadeWidth is the width of a mask's outline with the shade on both sides, in
// line widths.
const shadeWidth = 1.8

// shaded returns the rectangle inside a box's line and the width of the shade that
// runs along it; the rectangle is empty without a shade.
func (s sheet) shaded(box image.Rectangle) (image.Rectangle, int) {
	if s.line == 1 {
		return image.Rectangle{}, 0
	}
	return box.Inset(s.line), (s.line + 2) / 4
}

// frame draws a box's line just inside the box, and the shade inside the line.
func (s sheet) frame(dst draw.Image, box image.Rectangle, c color.RGBA) {
	ring := func(r image.Rectangle, width int, c color.Color) {
		for _, side := range []image.Rectangle{
			image.Rect(r.Min.X, r.Min.Y, r.Max.X, min(r.Min.Y+width, r.Max.Y)),
			image.Rect(r.Min.X, max(r.Max.Y-width, r.Min.Y), r.Max.X, r.Max.Y),
			image.Rect(r.Min.X, r.Min.Y, min(r.Min.X+width, r.Max.X), r.Max.Y),
			image.Rect(max(r.Max.X-width, r.Min.X), r.Min.Y, r.Max.X, r.Max.Y),
		} {
			draw.Draw(dst, side, image.NewUniform(c), image.Point{}, draw.Over)
		}
	}
	ring(box, s.line, c)
	if inner, width := s.shaded(box); !inner.Empty() {
		ring(inner, width, shade)
	}
}
