package imageproc

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"iter"

	flexible "github.com/kovidgoyal/imaging/jpeg"
)

// A jpegSegment is a marker of a JPEG with the bytes behind its length.
type jpegSegment struct {
	marker byte
	at     int // offset of the marker in the file
	body   []byte
}

// jpegSegments goes over the segments up to the first scan (marker 0xda), included.
func jpegSegments(file []byte) iter.Seq[jpegSegment] {
	return func(yield func(jpegSegment) bool) {
		for at := 2; at+4 <= len(file); {
			m := file[at+1]
			// Bytes between segments, fill bytes and markers without a length.
			if file[at] != 0xff || m == 0 || m == 0xff || m == 0x01 || m&^7 == 0xd0 {
				at++
				continue
			}
			n := int(binary.BigEndian.Uint16(file[at+2:]))
			if m == 0xd9 || n < 2 || at+2+n > len(file) || !yield(jpegSegment{m, at, file[at+4 : at+2+n]}) || m == 0xda {
				return
			}
			at += 2 + n
		}
	}
}

// A jpegHeader is the frame of a JPEG: its size, components and colours.
type jpegHeader struct {
	width, height int
	components    []jpegComponent
	maxH, maxV    int
	scan          int  // offset of the first scan
	progressive   bool // scans refine all pixels
	rgb           bool // three components are red, green, blue
	ycck          bool // four components are Y, Cb, Cr, black
	inverted      bool // four components are inverted, as Pillow takes those of a JPEG file
}

// A jpegComponent has h x v blocks in a unit of the frame.
type jpegComponent struct {
	id   byte
	h, v int
}

// readJPEGHeader reads the frame. A process other than Huffman coding of 8-bit samples
// gives an [*UnsupportedError].
func readJPEGHeader(file []byte) (*jpegHeader, error) {
	var h jpegHeader
	var jfif, adobe bool
	var transform byte
	for s := range jpegSegments(file) {
		switch {
		case s.marker == 0xe0 && bytes.HasPrefix(s.body, []byte("JFIF\x00")):
			jfif = true
		case s.marker == 0xee && len(s.body) >= 12 && bytes.HasPrefix(s.body, []byte("Adobe")):
			adobe, transform = true, s.body[11]
		case s.marker >= 0xc0 && s.marker <= 0xcf && s.marker != 0xc4 && s.marker != 0xc8 && s.marker != 0xcc:
			if err := h.frame(s); err != nil {
				return nil, err
			}
		case s.marker == 0xda:
			h.scan = s.at
		}
	}
	switch {
	case h.components == nil:
		return nil, fmt.Errorf("no frame: %w", io.ErrUnexpectedEOF)
	case h.scan == 0:
		return nil, fmt.Errorf("no scan: %w", io.ErrUnexpectedEOF)
	case jpegScans(file, h.scan) > mostScans:
		return nil, unsupported("more than %d scans", mostScans)
	}
	// As libjpeg decides.
	c := h.components
	switch len(c) {
	case 3:
		h.rgb = !jfif && (adobe && transform == 0 || !adobe && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B')
	case 4:
		h.ycck, h.inverted = adobe && transform == 2, true
	}
	return &h, nil
}

// mostScans bounds the scans of a progressive JPEG, of which encoders write some ten. A
// scan of 150 bytes goes over all coefficients: without a bound a file of a megabyte takes
// minutes.
const mostScans = 100

// jpegScans counts the scans from an offset to the end of the picture.
func jpegScans(file []byte, at int) (n int) {
	for at < len(file) {
		i := bytes.IndexByte(file[at:], 0xff)
		if at += i; i < 0 || at+4 > len(file) {
			break
		}
		switch m := file[at+1]; {
		case m == 0xd9:
			return n
		case m == 0xff: // a fill byte
			at++
		case m == 0 || m == 0x01 || m&^7 == 0xd0: // of a scan's data, or without a length
			at += 2
		default:
			if m == 0xda {
				n++
			}
			at += 2 + int(binary.BigEndian.Uint16(file[at+2:]))
		}
	}
	return n
}

// frame reads a start of frame.
func (h *jpegHeader) frame(s jpegSegment) error {
	switch s.marker {
	case 0xc0, 0xc1, 0xc2:
	case 0xc3:
		return unsupported("lossless coding")
	case 0xc9, 0xca:
		return unsupported("arithmetic coding")
	default:
		return unsupported("coding process SOF%d", s.marker-0xc0)
	}
	b := s.body
	if len(b) < 6 || len(b) < 6+3*int(b[5]) || h.components != nil {
		return fmt.Errorf("malformed frame of %d bytes", len(b))
	}
	if b[0] != 8 {
		return unsupported("samples of %d bits", b[0])
	}
	h.progressive = s.marker == 0xc2
	h.height, h.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if n := b[5]; n != 1 && n != 3 && n != 4 {
		return unsupported("%d components", n)
	}
	h.components = make([]jpegComponent, b[5])
	for i := range h.components {
		p := b[6+3*i:]
		c := jpegComponent{p[0], int(p[1] >> 4), int(p[1] & 15)}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return fmt.Errorf("component %d is sampled %d x %d; expected 1 to 4", i, c.h, c.v)
		}
		h.components[i] = c
		h.maxH, h.maxV = max(h.maxH, c.h), max(h.maxV, c.v)
	}
	for i, c := range h.components {
		// The decoders count units by the first component, and libjpeg repeats whole samples.
		if i == 0 && (c.h < h.maxH || c.v < h.maxV) || h.maxH%c.h != 0 || h.maxV%c.v != 0 {
			return unsupported("sampling of %s", h.sampling())
		}
	}
	return nil
}

// sampling spells the sampling factors as libjpeg's tools do.
func (h *jpegHeader) sampling() string {
	var s []byte
	for _, c := range h.components {
		s = fmt.Appendf(s, "%dx%d,", c.h, c.v)
	}
	return string(bytes.TrimSuffix(s, []byte(",")))
}

// jpegConfig returns the size in the frame.
func jpegConfig(file []byte) (image.Config, error) {
	h, err := readJPEGHeader(file)
	if err != nil {
		return image.Config{}, err
	}
	return image.Config{ColorModel: color.YCbCrModel, Width: h.width, Height: h.height}, nil
}

// ordinary reports whether image/jpeg has the planes of three components as the file has
// them: both of chroma sampled alike, luma not less.
func (h *jpegHeader) ordinary() bool {
	y, cb, cr := h.components[0], h.components[1], h.components[2]
	return cb.h == cr.h && cb.v == cr.v && y.v < 4 && y.h != 3 && y.v != 3
}

// Segments that make decoders return components as they are stored.
const (
	jfifSegment  = "\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" // not RGB
	adobeSegment = "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"            // not YCCK
)

// decodeJPEG decodes a JPEG. Only image/jpeg's YCbCr is upsampled later, by [fromYCbCr];
// elsewhere decoders repeat chroma, and decodeJPEG interpolates it.
func decodeJPEG(ctx context.Context, file []byte) (image.Image, error) {
	h, err := readJPEGHeader(file)
	if err != nil {
		return nil, err
	}
	return h.decode(ctx, file)
}

// decode decodes the file whose header h is.
func (h *jpegHeader) decode(ctx context.Context, file []byte) (image.Image, error) {
	read := func(parts ...[]byte) io.Reader {
		if h.progressive {
			return pieces{reading(ctx, parts...)}
		}
		return reading(ctx, parts...)
	}
	with := func(segment string) io.Reader { return read(file[:h.scan], []byte(segment), file[h.scan:]) }
	switch n := len(h.components); {
	case n == 3 && h.ordinary() && !h.rgb:
		return jpeg.Decode(with(jfifSegment))
	case n == 3 && h.ordinary():
		img, err := jpeg.Decode(with(jfifSegment))
		if err != nil {
			return nil, err
		}
		return h.join(ctx, img)
	case n == 3:
		img, err := flexible.Decode(with(jfifSegment))
		if err != nil {
			return nil, err
		}
		return h.join(ctx, img)
	case n == 4:
		img, err := jpeg.Decode(with(adobeSegment))
		if err != nil {
			return nil, err
		}
		return h.join(ctx, img)
	}
	return jpeg.Decode(read(file))
}
