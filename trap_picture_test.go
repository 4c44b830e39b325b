package paligemma

import (
	"image"
	"image/color"
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// An eye is a model whose first three patch channels are the mean red, green
// and blue of a patch: it shows what the tower is given.
type eye struct {
	m   *Model
	rec *testmodel.Recorder
}

func newEye(t *testing.T, resampling string) eye {
	p, rec := testmodel.OracleParts(t, "pg1-a"), &testmodel.Recorder{}
	p.Values["paligemma.vision.resampling"] = resampling
	const area = 14 * 14
	rows := 14 * 3 // of the kernel [14, 14, 3, out], for one output
	p.Change(t, "v.patch_embd.weight", func(r, _ int, v float32) float32 {
		switch out, colour := r/rows, r%rows/14; {
		case out > 2:
			return v
		case out == colour:
			return 1.0 / area
		}
		return 0
	})
	p.Change(t, "v.patch_embd.bias", func(_, c int, v float32) float32 {
		if c > 2 {
			return v
		}
		return 0
	})
	return eye{openParts(t, p, Options{Trace: rec.Trace}), rec}
}

// sees returns the colour of the patch in column x of row y, of 4 by 4, on the
// scale from 0 to 255.
func (e eye) sees(t *testing.T, img image.Image) func(x, y int) [3]float64 {
	t.Helper()
	_, err := e.m.Encode(t.Context(), img)
	must(t, err)
	patches := e.rec.Take()[0]
	if patches.Name != "v.patch_embd" {
		t.Fatalf("the first tap is %s", patches.Name)
	}
	return func(x, y int) (rgb [3]float64) {
		for c := range rgb {
			rgb[c] = (float64(patches.Values[(4*y+x)*patches.Shape[0]+c]) + 1) * 127.5
		}
		return rgb
	}
}

// paint makes a picture of what f says.
func paint(w, h int, f func(x, y int) color.Color) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, f(x, y))
		}
	}
	return m
}

func near(got, want [3]float64, tolerance float64) bool {
	for c := range got {
		if !(math.Abs(got[c]-want[c]) <= tolerance) {
			return false
		}
	}
	return true
}

// Grey levels of 0.2 are allowed for float32 sums.
const level = 0.2

func TestTrapBGR(t *testing.T) {
	see := newEye(t, "bicubic").sees(t, paint(30, 30, func(int, int) color.Color { return color.NRGBA{250, 100, 10, 255} }))
	if got := see(2, 1); !near(got, [3]float64{250, 100, 10}, level) {
		t.Errorf("red, green, blue of 250, 100, 10 are seen as %.1f", got)
	}
}

// TestTrapAlphaBlended: transparency is dropped, not painted over, as PIL does.
func TestTrapAlphaBlended(t *testing.T) {
	e := newEye(t, "bicubic")
	for _, alpha := range []uint8{1, 128} {
		see := e.sees(t, paint(56, 56, func(int, int) color.Color { return color.NRGBA{200, 200, 200, alpha} }))
		if got := see(0, 0); !near(got, [3]float64{200, 200, 200}, level) {
			t.Errorf("grey of 200 with alpha %d is seen as %.1f", alpha, got)
		}
	}
}

// TestTrapPatchesTransposed: patches run along rows.
func TestTrapPatchesTransposed(t *testing.T) {
	see := newEye(t, "bicubic").sees(t, paint(56, 56, func(x, y int) color.Color {
		return color.Gray{uint8(10*(x/14) + 60*(y/14))}
	}))
	for y := range 4 {
		for x := range 4 {
			if want := float64(10*x + 60*y); !near(see(x, y), [3]float64{want, want, want}, level) {
				t.Errorf("patch %d of row %d is seen as %.1f, want %v", x, y, see(x, y), want)
			}
		}
	}
}

// TestTrapCropped: a wide picture is neither cropped nor framed.
func TestTrapCropped(t *testing.T) {
	const w, h = 56 * 5, 56
	see := newEye(t, "bicubic").sees(t, paint(w, h, func(x, _ int) color.Color { return color.Gray{uint8(60 * (4 * x / w))} }))
	var seen []float64
	for i := range 16 {
		seen = append(seen, see(i%4, i/4)[0])
	}
	slices.Sort(seen)
	for i, got := range seen {
		if want := float64(60 * (i / 4)); math.Abs(got-want) > 6 { // edges overshoot
			t.Fatalf("four quarters of 0, 60, 120 and 180 are seen as %.0f", seen)
		}
	}
}

// TestTrapAliased: a large picture is averaged, not sampled. Fine lines in a
// picture 8 times as large give an even grey.
func TestTrapAliased(t *testing.T) {
	for _, resampling := range []string{"bicubic", "bilinear"} {
		see := newEye(t, resampling).sees(t, paint(448, 448, func(x, _ int) color.Color {
			return color.Gray{uint8(255 * ((x + 2) / 4 % 2))} // samples 8 pixels apart are all black, or all white
		}))
		if got := see(1, 2); !near(got, [3]float64{127.5, 127.5, 127.5}, 3) {
			t.Errorf("%s: fine lines are seen as %.1f, want grey", resampling, got)
		}
	}
}

// TestTrapResamplingIgnored: the file says how its model's pictures were resampled.
func TestTrapResamplingIgnored(t *testing.T) {
	noise := paint(97, 61, func(x, y int) color.Color { return color.Gray{uint8(x*x*31 + y*y*57 + x*y*11)} })
	for resampling, filter := range map[string]imageproc.Filter{"bicubic": imageproc.Bicubic, "bilinear": imageproc.Bilinear} {
		px, err := imageproc.Prepare(t.Context(), noise, imageproc.Options{Size: 56, Filter: filter})
		must(t, err)
		see := newEye(t, resampling).sees(t, noise)
		for _, at := range []image.Point{{0, 0}, {3, 1}, {2, 3}} {
			sum := 0.0
			for i := range 14 * 14 {
				sum += float64(px[(14*at.Y+i/14)*56+14*at.X+i%14])
			}
			want := (sum/(14*14) + 1) * 127.5
			if got := see(at.X, at.Y); !near(got, [3]float64{want, want, want}, 0.02) {
				t.Errorf("%s: patch %v is seen as %.2f, want %.2f", resampling, at, got, want)
			}
		}
	}
}
