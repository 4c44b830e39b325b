package imageproc

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"runtime"
	"strings"
	"testing"
)

// opaque hides an image's type, so that FromImage reads it through At.
type opaque struct{ image.Image }

// TestFastPathsEqualAt compares each converter with the plain reading through At, on a
// sub-image whose rows are padded and whose origin is odd.
func TestFastPathsEqualAt(t *testing.T) {
	src := pattern("noise", 40, 30)
	r, part := image.Rect(1, 2, 41, 32), image.Rect(4, 5, 37, 30)
	palette := color.Palette{color.NRGBA{200, 100, 50, 9}, color.Gray{77}, color.RGBA{1, 2, 3, 255}, color.Black}
	images := []draw.Image{
		image.NewGray(r), image.NewGray16(r), image.NewRGBA(r), image.NewNRGBA(r), image.NewNRGBA64(r),
		image.NewRGBA64(r), image.NewPaletted(r, palette), image.NewCMYK(r),
	}
	for _, img := range images {
		draw.Draw(img, r, src, image.Point{}, draw.Src)
		sub := img.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(part)
		compareWithAt(t, sub, 1) // one level: Pillow rounds CMYK and alpha otherwise than Go
	}
}

// ratios are the chroma subsamplings of image.YCbCr.
func ratios() []image.YCbCrSubsampleRatio {
	return []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	}
}

// TestFlatChromaEqualsAt: interpolation leaves constant chroma as it is.
func TestFlatChromaEqualsAt(t *testing.T) {
	for _, ratio := range ratios() {
		img := image.NewNYCbCrA(image.Rect(1, 2, 41, 32), ratio)
		for i := range img.Y {
			img.Y[i], img.A[i] = uint8(7*i), 255
		}
		for i := range img.Cb {
			img.Cb[i], img.Cr[i] = 90, 170
		}
		part := image.Rect(4, 5, 37, 30)
		compareWithAt(t, img.SubImage(part), 1)
		compareWithAt(t, img.YCbCr.SubImage(part), 1)
	}
}

// TestSubImageKeepsChroma: a sub-image of any origin has the colours of the whole, except
// at its border, where the cells beyond are not seen.
func TestSubImageKeepsChroma(t *testing.T) {
	for _, ratio := range ratios() {
		img := image.NewYCbCr(image.Rect(0, 0, 40, 30), ratio)
		for i := range img.Cb {
			img.Cb[i], img.Cr[i] = uint8(i*i*31), uint8(i*i*17)
		}
		whole, err := FromImage(t.Context(), img, 0)
		if err != nil {
			t.Fatal(err)
		}
		for shift := range 4 {
			r := image.Rect(shift, shift, 33+shift, 21+shift)
			part, err := FromImage(t.Context(), img.SubImage(r), 0)
			if err != nil {
				t.Fatal(err)
			}
			for y := 2; y < part.Height-2; y++ {
				for x := 2; x < part.Width-2; x++ {
					if got, want := part.At(x, y), whole.At(x+shift, y+shift); got != want {
						t.Fatalf("%v: pixel (%d, %d) from %v is %v, want %v", ratio, x, y, r.Min, got, want)
					}
				}
			}
		}
	}
}

func compareWithAt(t *testing.T, img image.Image, tolerance int) {
	t.Helper()
	fast, err := FromImage(t.Context(), img, 0)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := FromImage(t.Context(), opaque{img}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if converter(img) == nil || converter(opaque{img}) != nil {
		t.Fatalf("%T: the two paths are not different", img)
	}
	if largest, count := diff(t, fast.Pix, slow.Pix); largest > tolerance {
		t.Errorf("%T: %d samples differ from At, by up to %d; want at most %d", img, count, largest, tolerance)
	}
}

// TestAlphaIsDropped: the colour under a transparent pixel counts, premultiplied or not.
func TestAlphaIsDropped(t *testing.T) {
	want := []byte{200, 100, 50}
	n := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	n.Pix = []byte{200, 100, 50, 0}
	p := image.NewRGBA(image.Rect(0, 0, 1, 1))
	p.Pix = []byte{80, 40, 20, 102} // 0.4 of it
	for _, img := range []image.Image{n, p, opaque{p}} {
		m, err := FromImage(t.Context(), img, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Pix, want) {
			t.Errorf("%T: got %v, want %v", img, m.Pix, want)
		}
	}
}

func TestRGBIsNotCopied(t *testing.T) {
	m := pattern("noise", 5, 4)
	if same, err := FromImage(t.Context(), m, 0); err != nil || same != m {
		t.Errorf("FromImage(*RGB) = %p, %v; want the image itself, %p", same, err, m)
	}
	copied, err := FromImage(t.Context(), opaque{m}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(copied.Pix, m.Pix) {
		t.Error("At does not give back the pixels")
	}
	if c := m.At(5, 0); c != (color.RGBA{}) {
		t.Errorf("At outside the picture is %v", c)
	}
}

// TestPixelsArePlanes pins [w, h, 3]: planes of channels, rows from the top, in [-1, 1].
func TestPixelsArePlanes(t *testing.T) {
	m := newRGB(2, 2)
	copy(m.Pix, []byte{255, 0, 0 /**/, 0, 255, 0 /**/, 0, 0, 255 /**/, 0, 0, 0})
	want := []float32{1, -1, -1, -1 /**/, -1, 1, -1, -1 /**/, -1, -1, 1, -1}
	for _, f := range []Filter{Bicubic, Bilinear} {
		px, err := Prepare(t.Context(), m, Options{Size: 2, Filter: f})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(px) != fmt.Sprint(want) {
			t.Errorf("filter %d: got %v, want %v", f, px, want)
		}
	}
}

// TestThreadsDoNotMatter runs both filters on 1, 2, 3 and 16 processors.
func TestThreadsDoNotMatter(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	m := pattern("noise", 301, 203)
	var first [2]string
	for _, n := range []int{1, 2, 3, 16} {
		runtime.GOMAXPROCS(n)
		for f := range first {
			px, err := Prepare(t.Context(), m, Options{Size: 56, Filter: Filter(f)})
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(px)
			if first[f] == "" {
				first[f] = got
			}
			if got != first[f] {
				t.Errorf("filter %d on %d processors differs from one", f, n)
			}
		}
	}
}

// TestMalformedPlanesAreRefused: a picture whose memory is shorter than its
// rectangle is refused, whatever its type, and does not end the program.
func TestMalformedPlanesAreRefused(t *testing.T) {
	r := image.Rect(0, 0, 50, 50)
	short := make([]uint8, 10)
	for name, img := range map[string]image.Image{
		"Alpha":   &image.Alpha{Rect: r, Pix: short, Stride: 50},
		"Alpha16": &image.Alpha16{Rect: r, Pix: short, Stride: 100},
		"Gray":    &image.Gray{Rect: r, Pix: short, Stride: 50},
		"Gray16":  &image.Gray16{Rect: r, Pix: short, Stride: 100},
		"RGBA":    &image.RGBA{Rect: r, Pix: short, Stride: 200},
		"NRGBA":   &image.NRGBA{Rect: r, Pix: short, Stride: 200},
		"RGBA64":  &image.RGBA64{Rect: r, Pix: short, Stride: 400},
		"NRGBA64": &image.NRGBA64{Rect: r, Pix: short, Stride: 400},
		"CMYK":    &image.CMYK{Rect: r, Pix: short, Stride: 200},
		"YCbCr":   &image.YCbCr{Rect: r, Y: short, Cb: short, Cr: short, YStride: 50, CStride: 50},
		"long":    &image.Gray{Rect: image.Rect(0, 0, 8, 9), Pix: make([]uint8, 72), Stride: math.MaxInt/8 + 1}, // 8 strides overflow
		"NYCbCrA": &image.NYCbCrA{YCbCr: image.YCbCr{Rect: r, Y: short, Cb: short, Cr: short, YStride: 50, CStride: 50}, A: short, AStride: 50},
	} {
		_, err := Prepare(t.Context(), img, Options{Size: 28, Filter: Bicubic, MaxPixels: 1 << 20})
		if err == nil || !strings.Contains(err.Error(), "malformed image.") {
			t.Errorf("%s: error %v, want one that says it is malformed", name, err)
		}
	}
}
