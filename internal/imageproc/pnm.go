package imageproc

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
)

// A pnmHeader is the header of a PBM, PGM, PPM or PAM file (netpbm's pbm(5), pgm(5),
// ppm(5), pam(5)).
type pnmHeader struct {
	kind          byte // '1' to '7'
	width, height int
	channels      int // 1 or 3
	depth         int // values of a pixel: channels, and alpha in a PAM
	maxval        int // the value of white; 1 in a PBM
	start         int // offset of the pixels
}

// pnmSpace are netpbm's white spaces.
func pnmSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// A pnmReader reads numbers of decimal digits.
type pnmReader struct {
	file []byte
	at   int
}

// skip goes over white space and comments.
func (r *pnmReader) skip() {
	for comment := false; r.at < len(r.file); r.at++ {
		switch c := r.file[r.at]; {
		case comment:
			comment = c != '\n' && c != '\r'
		case c == '#':
			comment = true
		case !pnmSpace(c):
			return
		}
	}
}

// number reads a number up to a limit.
func (r *pnmReader) number(limit int) (int, error) {
	r.skip()
	n, start := 0, r.at
	for ; r.at < len(r.file) && r.file[r.at] >= '0' && r.file[r.at] <= '9'; r.at++ {
		if n = 10*n + int(r.file[r.at]-'0'); n > limit {
			return 0, fmt.Errorf("number at byte %d is over %d", start, limit)
		}
	}
	switch {
	case r.at == len(r.file) && r.at == start:
		return 0, io.ErrUnexpectedEOF
	case r.at == start:
		return 0, fmt.Errorf("%q at byte %d; expected a number", r.file[r.at], start)
	}
	return n, nil
}

// readPNMHeader reads the header up to the one white space in front of the pixels.
func readPNMHeader(file []byte) (h pnmHeader, err error) {
	r := pnmReader{file, 2}
	h = pnmHeader{kind: file[1], channels: 1, maxval: 1}
	switch h.kind {
	case '7':
		return readPAMHeader(file)
	case '3', '6':
		h.channels = 3
	}
	h.depth = h.channels
	h.width, err = r.number(math.MaxInt32)
	if err == nil {
		h.height, err = r.number(math.MaxInt32)
	}
	if err == nil && h.kind != '1' && h.kind != '4' {
		h.maxval, err = r.number(math.MaxUint16)
	}
	if err != nil {
		return h, err
	}
	if h.maxval == 0 {
		return h, errors.New("largest value is 0; expected 1 to 65535")
	}
	if r.at < len(file) && !pnmSpace(file[r.at]) {
		return h, fmt.Errorf("%q at byte %d; expected white space", file[r.at], r.at)
	}
	h.start = min(r.at+1, len(file))
	return h, nil
}

// pnmConfig returns the size in the header.
func pnmConfig(file []byte) (image.Config, error) {
	h, err := readPNMHeader(file)
	return image.Config{ColorModel: color.RGBAModel, Width: h.width, Height: h.height}, err
}

// decodePNM decodes the first picture of a file.
func decodePNM(ctx context.Context, file []byte) (image.Image, error) {
	h, err := readPNMHeader(file)
	if err != nil {
		return nil, err
	}
	m := newRGB(h.width, h.height)
	next, row := h.binary(file), (h.width+7)/8
	if h.kind <= '3' {
		next = h.plain(file)
	} else if need := h.size(row); len(file)-h.start < need {
		return nil, fmt.Errorf("%d bytes of pixels, expected %d: %w", len(file)-h.start, need, io.ErrUnexpectedEOF)
	}
	scaled := h.scale()
	for y := range m.Height {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		line := m.row(y)
		for x := range m.Width {
			p := line[3*x : 3*x+3]
			for c := range h.depth {
				v, err := next(x, y)
				if err != nil {
					return nil, err
				}
				if c < h.channels {
					p[c] = scaled[min(v, h.maxval)]
				}
			}
			if h.channels == 1 {
				p[1], p[2] = p[0], p[0]
			}
		}
	}
	return m, nil
}

// size returns the bytes of the pixels of a binary file; row is the bytes of a PBM's line.
func (h *pnmHeader) size(row int) int {
	switch {
	case h.kind == '4':
		return row * h.height
	case h.maxval > 255:
		return 2 * h.depth * h.width * h.height
	}
	return h.depth * h.width * h.height
}

// scale returns the byte of each value. Like Pillow it rounds halves to even. 16-bit grey
// keeps its high byte.
func (h *pnmHeader) scale() []uint8 {
	bytes := make([]uint8, h.maxval+1)
	for v := range bytes {
		share := float64(v) / float64(h.maxval)
		switch {
		case h.maxval == 1 && (h.kind == '1' || h.kind == '4'):
			bytes[v] = uint8(255 * (1 - v)) // 1 is black
		case h.maxval > 255 && h.channels == 1:
			bytes[v] = uint8(int(math.RoundToEven(share*65535)) >> 8)
		default:
			bytes[v] = uint8(math.RoundToEven(share * 255))
		}
	}
	return bytes
}

// binary returns a function that reads the next value; all are there.
func (h *pnmHeader) binary(file []byte) func(x, y int) (int, error) {
	at, row := h.start, (h.width+7)/8
	switch {
	case h.kind == '4':
		return func(x, y int) (int, error) { return int(file[at+y*row+x/8] >> (7 - x%8) & 1), nil }
	case h.maxval > 255:
		return func(int, int) (int, error) { at += 2; return int(file[at-2])<<8 | int(file[at-1]), nil }
	}
	return func(int, int) (int, error) { at++; return int(file[at-1]), nil }
}

// plain returns a function that reads the next number. A PBM's may stand without space.
func (h *pnmHeader) plain(file []byte) func(x, y int) (int, error) {
	r := pnmReader{file, h.start}
	if h.kind != '1' {
		return func(int, int) (int, error) { return r.number(h.maxval) }
	}
	return func(int, int) (int, error) {
		r.skip()
		if r.at >= len(file) {
			return 0, io.ErrUnexpectedEOF
		}
		r.at++
		if v := file[r.at-1]; v == '0' || v == '1' {
			return int(v - '0'), nil
		}
		return 0, fmt.Errorf("%q at byte %d; expected 0 or 1", file[r.at-1], r.at-1)
	}
}
