package imageproc

import (
	"image"
	"image/color"
)

// A convertFunc fills lines lo to hi-1 of m from its image.
type convertFunc func(m *RGB, lo, hi int)

// converter returns the fast conversion for the type of img, or nil if it has none.
func converter(img image.Image) convertFunc {
	switch s := img.(type) {
	case *image.Gray:
		return byRow(s.Pix, s.Stride, 1, func(p, rgb []uint8) { rgb[0], rgb[1], rgb[2] = p[0], p[0], p[0] })
	case *image.Gray16: // big endian: the first byte is the high one
		return byRow(s.Pix, s.Stride, 2, func(p, rgb []uint8) { rgb[0], rgb[1], rgb[2] = p[0], p[0], p[0] })
	case *image.NRGBA:
		return byRow(s.Pix, s.Stride, 4, func(p, rgb []uint8) { rgb[0], rgb[1], rgb[2] = p[0], p[1], p[2] })
	case *image.NRGBA64:
		return byRow(s.Pix, s.Stride, 8, func(p, rgb []uint8) { rgb[0], rgb[1], rgb[2] = p[0], p[2], p[4] })
	case *image.RGBA:
		return byRow(s.Pix, s.Stride, 4, func(p, rgb []uint8) { unmultiply(p[0], p[1], p[2], p[3], rgb) })
	case *image.RGBA64:
		return byRow(s.Pix, s.Stride, 8, func(p, rgb []uint8) { unmultiply(p[0], p[2], p[4], p[6], rgb) })
	case *image.CMYK:
		return byRow(s.Pix, s.Stride, 4, fromCMYK)
	case *image.Paletted:
		colours := paletteRGB(s.Palette)
		return byRow(s.Pix, s.Stride, 1, func(p, rgb []uint8) { copy(rgb, colours[p[0]][:]) })
	case *image.NYCbCrA:
		return converter(&s.YCbCr)
	case *image.YCbCr:
		if s.Rect.Min.X < 0 || s.Rect.Min.Y < 0 {
			return nil // the planes' origin is not defined for negative coordinates
		}
		return func(m *RGB, lo, hi int) { fromYCbCr(m, s, lo, hi) }
	}
	return nil
}

// byRow converts pixel by pixel; size is the bytes of a source pixel.
func byRow(pix []uint8, stride, size int, pixel func(p, rgb []uint8)) convertFunc {
	return func(m *RGB, lo, hi int) {
		for y := lo; y < hi; y++ {
			src, dst := pix[y*stride:], m.row(y)
			for x := range m.Width {
				pixel(src[x*size:(x+1)*size], dst[3*x:3*x+3])
			}
		}
	}
}

// unmultiply undoes premultiplied alpha as Pillow converts RGBa to RGBA: it rounds down
// and leaves the samples alone where alpha is 0.
func unmultiply(r, g, b, a uint8, rgb []uint8) {
	rgb[0], rgb[1], rgb[2] = r, g, b
	if a == 0 || a == 0xff {
		return
	}
	for c, v := range rgb[:3] {
		rgb[c] = uint8(min(255*int(v)/int(a), 255))
	}
}

// fromCMYK multiplies the light that an ink leaves by the light that black leaves, as
// Pillow converts CMYK to RGB.
func fromCMYK(p, rgb []uint8) {
	white := 255 - int(p[3])
	for c := range 3 {
		t := int(p[c])*white + 128
		rgb[c] = uint8(white - (t>>8+t)>>8) // t/255, rounded
	}
}

// paletteRGB drops the alpha of a palette. Indices past its end are black.
func paletteRGB(palette color.Palette) (rgb [256][3]uint8) {
	for i, c := range palette[:min(len(palette), 256)] {
		n, ok := c.(color.NRGBA)
		if !ok {
			n = color.NRGBAModel.Convert(c).(color.NRGBA)
		}
		rgb[i] = [3]uint8{n.R, n.G, n.B}
	}
	return rgb
}
