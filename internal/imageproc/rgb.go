package imageproc

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"reflect"
)

// An RGB is a picture of three 8-bit samples a pixel, without alpha. It is an
// [image.Image] whose bounds start at (0, 0).
type RGB struct {
	Width, Height int
	Pix           []uint8 // r, g, b of each pixel, rows from the top, without padding
}

var _ image.Image = (*RGB)(nil)

func newRGB(width, height int) *RGB {
	return &RGB{Width: width, Height: height, Pix: make([]uint8, 3*width*height)}
}

// row returns the samples of line y.
func (m *RGB) row(y int) []uint8 { return m.Pix[3*m.Width*y : 3*m.Width*(y+1)] }

// ColorModel returns color.RGBAModel; every pixel is opaque.
func (m *RGB) ColorModel() color.Model { return color.RGBAModel }

// Bounds returns the rectangle from (0, 0) to (Width, Height).
func (m *RGB) Bounds() image.Rectangle { return image.Rect(0, 0, m.Width, m.Height) }

// At returns the colour of a pixel, the zero colour outside the picture.
func (m *RGB) At(x, y int) color.Color {
	if !(image.Point{X: x, Y: y}).In(m.Bounds()) {
		return color.RGBA{}
	}
	p := m.row(y)[3*x:]
	return color.RGBA{R: p[0], G: p[1], B: p[2], A: 0xff}
}

// FromImage converts any image to 8-bit RGB by the rules of the package; an *RGB is
// returned as it is. An image with more than maxPixels pixels (0 means
// [DefaultMaxPixels]) gives a [*SizeError]. The standard library's types are converted on
// all processors; any other is read through At, by this goroutine only. FromImage fails
// when ctx ends, with its cause.
func FromImage(ctx context.Context, img image.Image, maxPixels int) (*RGB, error) {
	if v := reflect.ValueOf(img); img == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, fmt.Errorf("no picture: the image is nil (%T)", img)
	}
	b := img.Bounds()
	if err := checkSize(b.Dx(), b.Dy(), maxPixels); err != nil {
		return nil, err
	}
	if m, ok := img.(*RGB); ok {
		return m, holds("RGB", b, len(m.Pix), 3*m.Width, 3)
	}
	if err := checkPlanes(img); err != nil {
		return nil, err
	}
	m := newRGB(b.Dx(), b.Dy())
	if convert := converter(img); convert != nil {
		bands(ctx, m.Height, m.Width, func(lo, hi int) { convert(m, lo, hi) })
		return m, context.Cause(ctx)
	}
	for y := range m.Height {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		row := m.row(y)
		for x := range m.Width {
			r, g, b, a := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
			c := color.RGBA64{R: uint16(r), G: uint16(g), B: uint16(b), A: uint16(a)}
			n := color.NRGBA64Model.Convert(c).(color.NRGBA64)
			row[3*x], row[3*x+1], row[3*x+2] = uint8(n.R>>8), uint8(n.G>>8), uint8(n.B>>8)
		}
	}
	return m, nil
}

// holds returns an error for an image whose pixel slice is too short for its bounds:
// reading it would panic on a goroutine where the caller cannot recover.
func holds(name string, b image.Rectangle, length, stride, bytesPerPixel int) error {
	row := b.Dx() * bytesPerPixel
	want := (b.Dy()-1)*stride + row
	if stride < row || length < want || b.Dy() > 1 && stride > length { // a huge stride overflows want
		return fmt.Errorf("malformed image.%s of %d x %d pixels: stride %d, %d bytes; expected a stride of at least %d and %d bytes",
			name, b.Dx(), b.Dy(), stride, length, row, want)
	}
	return nil
}

// checkPlanes applies holds to each plane that a converter reads.
func checkPlanes(img image.Image) error {
	switch s := img.(type) {
	case *image.Gray:
		return holds("Gray", s.Rect, len(s.Pix), s.Stride, 1)
	case *image.Gray16:
		return holds("Gray16", s.Rect, len(s.Pix), s.Stride, 2)
	case *image.Alpha:
		return holds("Alpha", s.Rect, len(s.Pix), s.Stride, 1)
	case *image.Alpha16:
		return holds("Alpha16", s.Rect, len(s.Pix), s.Stride, 2)
	case *image.Paletted:
		return holds("Paletted", s.Rect, len(s.Pix), s.Stride, 1)
	case *image.RGBA:
		return holds("RGBA", s.Rect, len(s.Pix), s.Stride, 4)
	case *image.NRGBA:
		return holds("NRGBA", s.Rect, len(s.Pix), s.Stride, 4)
	case *image.NRGBA64:
		return holds("NRGBA64", s.Rect, len(s.Pix), s.Stride, 8)
	case *image.RGBA64:
		return holds("RGBA64", s.Rect, len(s.Pix), s.Stride, 8)
	case *image.CMYK:
		return holds("CMYK", s.Rect, len(s.Pix), s.Stride, 4)
	case *image.NYCbCrA:
		return checkPlanes(&s.YCbCr)
	case *image.YCbCr:
		return checkYCbCr(s)
	}
	return nil
}
