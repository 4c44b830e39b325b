package overlay

import (
	"image"
	"image/color"
	"math/rand/v2"
	"testing"
)

// TestContoursEncloseExactlyTheMask: for random masks with soft and with hard
// edges, the outlines go around the centres of the pixels inside (by the even-odd
// rule) and around no other.
func TestContoursEncloseExactlyTheMask(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		w, h := 1+rng.IntN(12), 1+rng.IntN(12)
		mask := image.NewAlpha(image.Rect(5, 9, 5+w, 9+h))
		for i := range mask.Pix {
			mask.Pix[i] = uint8(rng.Uint32())
			if n%2 == 0 {
				mask.Pix[i] = 255 * (mask.Pix[i] & 1)
			}
		}
		all := outlinesOf(t, mask)
		for y := mask.Rect.Min.Y - 1; y <= mask.Rect.Max.Y; y++ {
			for x := mask.Rect.Min.X - 1; x <= mask.Rect.Max.X; x++ {
				want := mask.AlphaAt(x, y).A >= 128
				if got := within(all, float32(x)+0.5, float32(y)+0.5); got != want {
					t.Fatalf("mask %d, %v: pixel (%d, %d) of alpha %d: inside is %v", n, mask.Rect, x, y, mask.AlphaAt(x, y).A, got)
				}
			}
		}
		for _, polygon := range all {
			for _, p := range polygon {
				if p.x < float32(mask.Rect.Min.X) || p.x > float32(mask.Rect.Max.X) || p.y < float32(mask.Rect.Min.Y) || p.y > float32(mask.Rect.Max.Y) {
					t.Fatalf("mask %d: outline at %v leaves %v", n, p, mask.Rect)
				}
			}
		}
	}
}

// outlinesOf returns the contours of a mask.
func outlinesOf(t *testing.T, mask *image.Alpha) [][]point {
	t.Helper()
	all, err := contours(t.Context(), mask)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// within applies the even-odd rule: it counts the sides to the right of a point.
func within(all [][]point, x, y float32) bool {
	inside := false
	for _, polygon := range all {
		for i, a := range polygon {
			b := polygon[(i+1)%len(polygon)]
			if (a.y > y) != (b.y > y) && x < a.x+(y-a.y)/(b.y-a.y)*(b.x-a.x) {
				inside = !inside
			}
		}
	}
	return inside
}

// TestContoursOfHolesRunBackwards checks a pixel's crossings and a ring's two
// outlines.
func TestContoursOfHolesRunBackwards(t *testing.T) {
	one := image.NewAlpha(image.Rect(0, 0, 1, 1))
	one.SetAlpha(0, 0, color.Alpha{A: 255})
	if got, want := path(outlinesOf(t, one)), "M0 0.5L0.5 0L1 0.5L0.5 1Z"; got != want {
		t.Errorf("a pixel is %q, want %q", got, want)
	}
	ring := image.NewAlpha(image.Rect(0, 0, 3, 3))
	for i := range ring.Pix {
		ring.Pix[i] = 255
	}
	ring.SetAlpha(1, 1, color.Alpha{})
	if got := outlinesOf(t, ring); len(got) != 2 || signedArea(got[0])*signedArea(got[1]) >= 0 {
		t.Errorf("a ring has outlines %v, want one and a hole the other way round", got)
	}
}

// TestContoursAtCornersStayApart: two pixels that touch at a corner have two
// outlines.
func TestContoursAtCornersStayApart(t *testing.T) {
	for _, pix := range [][]uint8{{255, 0, 0, 255}, {0, 255, 255, 0}} {
		mask := image.NewAlpha(image.Rect(0, 0, 2, 2))
		copy(mask.Pix, pix)
		if got := outlinesOf(t, mask); len(got) != 2 {
			t.Errorf("mask %v has outlines %v, want two", pix, got)
		}
	}
}

func signedArea(polygon []point) float32 {
	var sum float32
	for i, a := range polygon {
		b := polygon[(i+1)%len(polygon)]
		sum += a.x*b.y - b.x*a.y
	}
	return sum / 2
}
