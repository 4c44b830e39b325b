package imageproc

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"
)

// photo draws waves of colour under grain, which take about as many bytes as a photo.
func photo(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range width * height {
		x, y := float64(i%width), float64(i/width)
		v := 128 + 60*math.Sin(x/97+y/211) + 40*math.Sin(x/13-y/17) + 4*r.NormFloat64()
		p := m.Pix[4*i : 4*i+4]
		p[0], p[1], p[2], p[3] = clip8(int32(v)), clip8(int32(v+20*math.Cos(y/301))), clip8(int32(v-20)), 0xff
	}
	return m
}

// aQuarter is an APP1 segment with EXIF orientation 6, as in photos of an upright phone.
const aQuarter = "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" +
	"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"

// BenchmarkPrepare measures the way from a file to the tower's pixels.
func BenchmarkPrepare(b *testing.B) {
	var large, small bytes.Buffer
	if err := jpeg.Encode(&large, photo(4000, 3000), &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	if err := png.Encode(&small, photo(1024, 768)); err != nil {
		b.Fatal(err)
	}
	soi, segments := large.Bytes()[:2], large.Bytes()[2:]
	for _, c := range []struct {
		name  string
		file  []byte
		width int // upright
	}{
		{"4000x3000.jpg", large.Bytes(), 4000},
		{"4000x3000-turned.jpg", bytes.Join([][]byte{soi, []byte(aQuarter), segments}, nil), 3000},
		{"1024x768.png", small.Bytes(), 1024},
	} {
		for _, size := range []int{224, 448, 896} {
			b.Run(fmt.Sprintf("%s/size=%d", c.name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m, err := Decode(context.Background(), c.file, 0)
					if err != nil {
						b.Fatal(err)
					}
					if m.Width != c.width {
						b.Fatalf("decoded %d x %d, want a width of %d", m.Width, m.Height, c.width)
					}
					if _, err := Prepare(b.Context(), m, Options{Size: size}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkPrepareImage measures the part after decoding, by type of image and filter.
func BenchmarkPrepareImage(b *testing.B) {
	rgb := pattern("noise", 4000, 3000)
	nrgba := image.NewNRGBA(rgb.Bounds())
	draw.Draw(nrgba, nrgba.Rect, rgb, image.Point{}, draw.Src)
	ycbcr := image.NewYCbCr(rgb.Bounds(), image.YCbCrSubsampleRatio420)
	for name, img := range map[string]image.Image{"RGB": rgb, "NRGBA": nrgba, "YCbCr": ycbcr} {
		for _, f := range []Filter{Bicubic, Bilinear} {
			b.Run(fmt.Sprintf("%s/filter=%d", name, f), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Prepare(b.Context(), img, Options{Size: 224, Filter: f}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
