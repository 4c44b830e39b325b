package imageproc

import (
	"bytes"
	"context"
	"regexp"
)

// xmpOrientation is Pillow's pattern for the orientation in an XMP text.
var xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

// orientation returns the orientation of a picture, 1 to 8, where ImageOps.exif_transpose
// of Pillow finds it: in EXIF data or, if these have none, in XMP. A picture without one,
// or with damaged metadata, counts as upright (1): metadata must not cost the picture.
func (m metadata) orientation() int {
	const tag = 274
	block := m.exif
	for bytes.HasPrefix(block, []byte("Exif\x00\x00")) {
		block = block[6:]
	}
	o := uint64(1)
	d, _ := readDirectory(block)
	if e, ok := d.entries[tag]; ok {
		if e.count == 1 {
			o = d.int(tag, 1)
		}
	} else if found := xmpOrientation.FindSubmatch(m.xmp); found != nil {
		o = uint64(found[1][0] - '0')
	}
	if o < 1 || o > 8 {
		return 1
	}
	return int(o)
}

// upright undoes an EXIF orientation o. Orientations 5 to 8 exchange the sides. After the
// end of ctx the picture is not whole.
func (m *RGB) upright(ctx context.Context, o int) *RGB {
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
	bands(ctx, out.Height, out.Width, func(lo, hi int) {
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
