package imageproc

import (
	"bytes"
	"image"
	"io"

	"golang.org/x/image/riff"
	"golang.org/x/image/webp"
)

// decodeWebP decodes the picture. A lossy one is converted to RGB here, because its samples
// are in BT.601's studio range, which Go's image.YCbCr cannot express.
func decodeWebP(file []byte) (image.Image, error) {
	img, err := webp.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	var planes *image.YCbCr
	switch s := img.(type) {
	case *image.YCbCr:
		planes = s
	case *image.NYCbCrA:
		planes = &s.YCbCr
	default: // lossless
		return img, nil
	}
	m := newRGB(planes.Rect.Dx(), planes.Rect.Dy())
	bands(m.Height, func(lo, hi int) {
		for y := lo; y < hi; y++ {
			webpRow(m, planes, y)
		}
	})
	return m, nil
}

// webpRow converts line y as libwebp does. Chroma is the mean of the four nearest cells
// weighted 9, 3, 3, 1, in libwebp's rounding; the edge cells repeat.
func webpRow(m *RGB, s *image.YCbCr, y int) {
	g := newChromaGrid(s)
	near, far := g.rows(y)
	luma, rgb := s.Y[y*s.YStride:], m.row(y)
	mix := func(plane []uint8, cell, beside int) int32 {
		n, h := int32(plane[near+cell]), int32(plane[near+beside])
		v, d := int32(plane[far+cell]), int32(plane[far+beside])
		return ((n+3*h+3*v+d+8)>>3 + n) >> 1
	}
	for x := range m.Width {
		cell := x / 2
		beside := min(max(cell-1+2*(x%2), 0), g.columns-1)
		// Studio-range BT.601 in libwebp's fixed point: factors have 14 fractional bits,
		// sums 6.
		l := int32(luma[x]) * 19077 >> 8
		u, v := mix(s.Cb, cell, beside), mix(s.Cr, cell, beside)
		rgb[3*x] = clip8((l + v*26149>>8 - 14234) >> 6)
		rgb[3*x+1] = clip8((l - u*6419>>8 - v*13320>>8 + 8708) >> 6)
		rgb[3*x+2] = clip8((l + u*33050>>8 - 17685) >> 6)
	}
}

// webpEXIF returns the EXIF block of a WebP, which is laid out as a TIFF, or nil.
// imagemeta also looks for it, but does not skip the padding of chunks of odd length.
func webpEXIF(file []byte) []byte {
	_, chunks, err := riff.NewReader(bytes.NewReader(file))
	for err == nil {
		var id riff.FourCC
		var body io.Reader
		id, _, body, err = chunks.Next()
		if err == nil && id == (riff.FourCC{'E', 'X', 'I', 'F'}) {
			block, _ := io.ReadAll(body) // a truncated block is read as far as it goes
			return bytes.TrimPrefix(block, []byte("Exif\x00\x00"))
		}
	}
	return nil
}
