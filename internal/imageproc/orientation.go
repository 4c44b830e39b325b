package imageproc

import (
	"bytes"
	"slices"

	"github.com/bep/imagemeta"
)

// orientation reads the EXIF orientation of a file, 1 to 8. A file without one, or with
// damaged EXIF data, counts as upright (1): metadata must not cost the picture.
func orientation(file []byte, in imagemeta.ImageFormat) int {
	switch in {
	case 0:
		return 1
	case imagemeta.WebP:
		file, in = webpEXIF(file), imagemeta.TIFF
	}
	if o := tags(file, in, "Orientation")["Orientation"]; o >= 1 && o <= 8 {
		return int(o)
	}
	return 1
}

// tags reads 16-bit tags of a file's main directory by name. Absent and damaged tags are
// missing from the result.
func tags(file []byte, in imagemeta.ImageFormat, names ...string) map[string]uint16 {
	found := make(map[string]uint16)
	// Tags read before an error are kept, and missing ones are no error here.
	_, _ = imagemeta.Decode(imagemeta.Options{
		R:           bytes.NewReader(file),
		ImageFormat: in,
		Sources:     imagemeta.EXIF,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool {
			return t.Namespace == "IFD0" && slices.Contains(names, t.Tag)
		},
		HandleTag: func(t imagemeta.TagInfo) error {
			if v, ok := t.Value.(uint16); ok {
				found[t.Tag] = v
			}
			if len(found) == len(names) {
				return imagemeta.ErrStopWalking
			}
			return nil
		},
	})
	return found
}

// upright undoes an EXIF orientation o. Orientations 5 to 8 exchange the sides.
func (m *RGB) upright(o int) *RGB {
	if o <= 1 {
		return m
	}
	w, h := m.Width, m.Height
	// The source position of (0, 0), and the source steps of one pixel right and one down.
	var x0, y0, rx, ry, dx, dy int
	switch o {
	case 2: // mirrored left to right
		x0, y0, rx, dy = w-1, 0, -1, 1
	case 3: // upside down
		x0, y0, rx, dy = w-1, h-1, -1, -1
	case 4: // mirrored top to bottom
		x0, y0, rx, dy = 0, h-1, 1, -1
	case 5: // transposed
		x0, y0, ry, dx = 0, 0, 1, 1
	case 6: // to be turned a quarter clockwise
		x0, y0, ry, dx = 0, h-1, -1, 1
	case 7: // transposed over the other diagonal
		x0, y0, ry, dx = w-1, h-1, -1, -1
	case 8: // to be turned a quarter counterclockwise
		x0, y0, ry, dx = w-1, 0, 1, -1
	}
	if o >= 5 {
		w, h = h, w
	}
	out := newRGB(w, h)
	right := 3 * (ry*m.Width + rx)
	bands(out.Height, func(lo, hi int) {
		for y := lo; y < hi; y++ {
			row := out.row(y)
			at := 3 * ((y0+y*dy)*m.Width + x0 + y*dx)
			for ; len(row) > 0; row = row[3:] {
				copy(row[:3], m.Pix[at:at+3])
				at += right
			}
		}
	})
	return out
}
