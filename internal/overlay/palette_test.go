package overlay

import (
	"math"
	"testing"
)

// TestPaletteIsReadable: colours are far apart, letters can be read on each (WCAG's
// AA), and a label keeps its colour.
func TestPaletteIsReadable(t *testing.T) {
	for i, c := range colors {
		l, k := luminance(c), luminance(ink(c))
		if ratio := (max(l, k) + 0.05) / (min(l, k) + 0.05); ratio < 4.5 {
			t.Errorf("letters on %v have a contrast of %.2f, want 4.5", c, ratio)
		}
		for _, d := range colors[:i] {
			r, g, b := float64(c.R)-float64(d.R), float64(c.G)-float64(d.G), float64(c.B)-float64(d.B)
			if far := math.Sqrt(r*r + g*g + b*b); far < 60 {
				t.Errorf("%v and %v are %.0f apart, want 60", c, d, far)
			}
		}
	}
	var p Palette
	cat, dog := p.Color("cat"), p.Color("dog")
	if cat == dog || p.Color("cat") != cat || p.Color("dog") != dog {
		t.Errorf("cat is %v, dog %v, then %v and %v", cat, dog, p.Color("cat"), p.Color("dog"))
	}
}
