package overlay

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/internal/testrace"
)

// canvas is a picture in one colour, which is neither a label's nor a shade's.
func canvas(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(m.Pix[4*i:], []uint8{100, 110, 120, 255})
	}
	return m
}

// disc is the mask of a disc that fills a rectangle.
func disc(r image.Rectangle) *image.Alpha {
	m := image.NewAlpha(r)
	cx, cy := float64(r.Min.X+r.Max.X)/2, float64(r.Min.Y+r.Max.Y)/2
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			d := math.Hypot((float64(x)+0.5-cx)/float64(r.Dx())*2, (float64(y)+0.5-cy)/float64(r.Dy())*2)
			m.SetAlpha(x, y, color.Alpha{A: uint8(math.Min(255, math.Max(0, 128+(1-d)*float64(r.Dx())*64)))})
		}
	}
	return m
}

func draws(t *testing.T, img image.Image, objects ...Object) *image.RGBA {
	t.Helper()
	out, err := Draw(t.Context(), img, objects, Style{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func marksOf(t *testing.T, size image.Point, objects ...Object) []mark {
	t.Helper()
	marks, err := newSheet(size).layout(t.Context(), objects, Style{})
	if err != nil {
		t.Fatal(err)
	}
	return marks
}

// TestDrawChangesOnlyBoxesAndLabels draws two boxes, one with a mask, on pictures
// of many sizes: pixels outside boxes and labels do not change, frames and labels
// have their colours, and every label is inside the picture.
func TestDrawChangesOnlyBoxesAndLabels(t *testing.T) {
	for _, size := range []image.Point{{64, 64}, {64, 48}, {112, 112}, {336, 336}, {1000, 700}, {3000, 200}, {30, 900}, {8000, 2000}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			if size.X > 5000 && (testing.Short() || testrace.Slowness > 1) {
				t.Skip("large")
			}
			img := canvas(size.X, size.Y)
			at := func(x0, y0, x1, y1 int) image.Rectangle {
				return image.Rect(x0*size.X/100, y0*size.Y/100, x1*size.X/100, y1*size.Y/100)
			}
			objects := []Object{
				{Label: "star", Score: 0.97, Box: at(5, 40, 45, 90)},
				{Label: "ring", Score: 0.5, Box: at(55, 30, 95, 75), Mask: disc(at(55, 30, 95, 75))},
			}
			out := draws(t, img, objects...)
			if out.Rect != img.Rect {
				t.Fatalf("bounds are %v, want %v", out.Rect, img.Rect)
			}
			marks := marksOf(t, size, objects...)
			var free []image.Rectangle
			for _, m := range marks {
				free = append(free, m.Box, m.chip.box)
				if m.chip.box.Empty() || !m.chip.box.In(out.Rect) {
					t.Errorf("label %q is at %v of %v", m.chip.text, m.chip.box, out.Rect)
				}
				// Letters cover between a tenth and two fifths of a label.
				if part := inked(out, m.chip); part < 0.1 || part > 0.4 {
					t.Errorf("label %q: %.3f of it is ink, want 0.1 to 0.4", m.chip.text, part)
				}
				corner := m.Box.Max.Sub(image.Pt(1, 1))
				if got := out.RGBAAt(corner.X, corner.Y); got != m.color {
					t.Errorf("corner of %q is %v, want %v", m.Label, got, m.color)
				}
			}
			for y := range size.Y {
				for x := range size.X {
					inside := slices.ContainsFunc(free, func(r image.Rectangle) bool { return image.Pt(x, y).In(r) })
					if !inside && out.RGBAAt(x, y) != img.RGBAAt(x, y) {
						t.Fatalf("pixel (%d, %d) outside of %v changed to %v", x, y, free, out.RGBAAt(x, y))
					}
				}
			}
		})
	}
}

// inked returns the share of a label, between its round corners, that letters
// cover.
func inked(img *image.RGBA, c chip) float64 {
	r := c.box.Inset(int(math.Round(c.em * rounding)))
	sum, full := 0.0, luminance(ink(c.color))-luminance(c.color)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			sum += (luminance(img.RGBAAt(x, y)) - luminance(c.color)) / full
		}
	}
	return sum / float64(area(r))
}

// TestDrawTintsTheMaskNotItsHole looks at single pixels of a mask with a hole.
func TestDrawTintsTheMaskNotItsHole(t *testing.T) {
	box := image.Rect(100, 100, 300, 300)
	mask := disc(box)
	for y := 190; y < 210; y++ {
		for x := 190; x < 210; x++ {
			mask.SetAlpha(x, y, color.Alpha{A: 127})
		}
	}
	out := draws(t, canvas(400, 400), Object{Box: box, Mask: mask})
	red := colors[0]
	tinted := color.RGBA{162, 90, 109, 255} // 0.4 of red, 0.6 of the canvas
	for _, want := range []struct {
		what string
		x, y int
		c    color.RGBA
	}{
		{"the mask", 200, 150, tinted},
		{"its hole", 200, 200, color.RGBA{100, 110, 120, 255}},
		{"the hole's outline", 190, 200, red},
		{"the outline", 271, 129, red},
		{"beside the mask, in the box", 110, 120, color.RGBA{100, 110, 120, 255}},
		{"the box", 100, 200, red},
	} {
		if got := out.RGBAAt(want.x, want.y); got != want.c {
			t.Errorf("%s at (%d, %d) is %v, want %v", want.what, want.x, want.y, got, want.c)
		}
	}
}

// TestOutlineHasNoGapsBetweenBands looks along an outline that is drawn in several
// bands.
func TestOutlineHasNoGapsBetweenBands(t *testing.T) {
	mask := image.NewAlpha(image.Rect(40, 3, 60, 1990))
	for i := range mask.Pix {
		mask.Pix[i] = 128
	}
	out := draws(t, canvas(100, 2000), Object{Mask: mask})
	for y := mask.Rect.Min.Y + 1; y < mask.Rect.Max.Y-1; y++ {
		if got := out.RGBAAt(40, y); got != colors[0] {
			t.Fatalf("outline at row %d is %v, want %v", y, got, colors[0])
		}
	}
}

// TestDrawEmptyOutsideAndTiny draws objects that are empty or outside the picture,
// and pictures with little room.
func TestDrawEmptyOutsideAndTiny(t *testing.T) {
	for name, c := range map[string]struct {
		w, h    int
		objects []Object
		changes bool
	}{
		"no objects":          {20, 20, nil, false},
		"one pixel":           {1, 1, []Object{{Label: "cat", Score: 1, Box: image.Rect(0, 0, 1, 1)}}, true},
		"one row":             {500, 1, []Object{{Label: "cat", Score: 1, Box: image.Rect(10, 0, 99, 1)}}, true},
		"empty box":           {200, 200, []Object{{Label: "cat", Box: image.Rect(50, 50, 50, 90)}}, false},
		"box outside":         {200, 200, []Object{{Label: "cat", Box: image.Rect(500, 500, 600, 600)}}, false},
		"box across the edge": {200, 200, []Object{{Label: "cat", Box: image.Rect(-50, 150, 80, 600)}}, true},
		"mask outside":        {200, 200, []Object{{Mask: disc(image.Rect(300, 300, 400, 400))}}, false},
		"mask across":         {200, 200, []Object{{Mask: disc(image.Rect(-50, 120, 90, 280))}}, true},
		"empty mask":          {200, 200, []Object{{Mask: image.NewAlpha(image.Rectangle{})}}, false},
		"no label, no score":  {200, 200, []Object{{Box: image.Rect(10, 10, 20, 20)}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			img := canvas(c.w, c.h)
			if changed := !slices.Equal(draws(t, img, c.objects...).Pix, img.Pix); changed != c.changes {
				t.Errorf("changed: %v, want %v", changed, c.changes)
			}
		})
	}
	if _, err := Draw(t.Context(), nil, nil, Style{}); err == nil {
		t.Error("no error for a picture that is nil")
	}
}

// TestDrawMovesTheOrigin: the copy of a picture with another origin starts at
// (0, 0).
func TestDrawMovesTheOrigin(t *testing.T) {
	img := image.NewNRGBA(image.Rect(-7, 30, 13, 50))
	img.SetNRGBA(-7, 30, color.NRGBA{1, 2, 3, 255})
	out := draws(t, img)
	if out.Rect != image.Rect(0, 0, 20, 20) || out.RGBAAt(0, 0) != (color.RGBA{1, 2, 3, 255}) {
		t.Errorf("copy has bounds %v and a corner of %v", out.Rect, out.RGBAAt(0, 0))
	}
}
