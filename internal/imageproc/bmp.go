package imageproc

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"io"
	"math/bits"
)

// How the pixels of a BMP are stored.
const (
	bmpPlain     = 0
	bmpRLE8      = 1
	bmpRLE4      = 2
	bmpBitFields = 3
)

// A bmpHeader is the header of a Windows or OS/2 bitmap, as far as pixels depend on it.
type bmpHeader struct {
	width, height int
	topDown       bool
	bits          int // of a pixel
	compression   uint32
	masks         [3]uint32 // of red, green and blue, for bmpBitFields
	palette       [256][3]uint8
	start         int // offset of the pixels
}

// readBMPHeader reads a header of any version. golang.org/x/image reads neither 16-bit
// pixels nor run lengths nor OS/2's header.
func readBMPHeader(file []byte) (h bmpHeader, err error) {
	le := binary.LittleEndian
	if len(file) < 18 {
		return h, io.ErrUnexpectedEOF
	}
	size := int64(le.Uint32(file[14:]))
	if int64(len(file)) < 14+size {
		return h, io.ErrUnexpectedEOF
	}
	info, at, entry := file[14:14+size], int(14+size), 4
	colours := 0
	switch size {
	case 12: // OS/2 1
		h.width, h.height, h.bits = int(le.Uint16(info[4:])), int(le.Uint16(info[6:])), int(le.Uint16(info[10:]))
		entry = 3
	case 40, 52, 56, 64, 108, 124:
		h.width, h.height = int(le.Uint32(info[4:])), int(le.Uint32(info[8:]))
		if h.topDown = info[11] == 0xff; h.topDown {
			h.height = 1<<32 - h.height
		}
		h.bits, h.compression, colours = int(le.Uint16(info[14:])), le.Uint32(info[16:]), int(le.Uint32(info[32:]))
	default:
		return h, unsupported("header of %d bytes", size)
	}
	if err := h.check(); err != nil {
		return h, err
	}
	if h.compression == bmpBitFields {
		fields := info[40:]
		if size == 40 {
			if len(file) < at+12 {
				return h, io.ErrUnexpectedEOF
			}
			fields, at = file[at:], at+12
		} else if size == 64 {
			return h, unsupported("Huffman coding") // what 3 means in OS/2 2
		}
		for i := range h.masks {
			h.masks[i] = le.Uint32(fields[4*i:])
		}
	}
	h.start = int(le.Uint32(file[10:]))
	if h.bits <= 8 {
		if colours == 0 {
			colours = 1 << h.bits
		}
		if colours > 1<<16 {
			return h, fmt.Errorf("palette of %d colours; expected up to %d", colours, 1<<16)
		}
		for i := range min(colours, 256) {
			if p := at + i*entry; p+3 <= len(file) {
				h.palette[i] = [3]uint8{file[p+2], file[p+1], file[p]}
			}
		}
		if h.start == int(14+size) { // Pillow takes it for a mistake
			h.start += 4 * colours
		}
		at += entry * colours
	}
	if h.start == 0 {
		h.start = at
	}
	return h, nil
}

// check refuses what this package does not decode.
func (h *bmpHeader) check() error {
	switch h.bits {
	case 1, 4, 8, 16, 24, 32:
	default:
		return unsupported("%d bits a pixel", h.bits)
	}
	switch c := h.compression; {
	case c == bmpPlain, c == bmpRLE8 && h.bits == 8, c == bmpRLE4 && h.bits == 4, c == bmpBitFields && h.bits >= 16:
		return nil
	default:
		return unsupported("compression %d of %d bits a pixel", c, h.bits)
	}
}

// bmpConfig returns the size in the header.
func bmpConfig(file []byte) (image.Config, error) {
	h, err := readBMPHeader(file)
	return image.Config{ColorModel: color.RGBAModel, Width: h.width, Height: h.height}, err
}

// decodeBMP decodes the picture as Pillow does: alpha is dropped, and 5-bit samples are
// spread over 0 to 255.
func decodeBMP(ctx context.Context, file []byte) (image.Image, error) {
	h, err := readBMPHeader(file)
	if err != nil {
		return nil, err
	}
	if h.start > len(file) {
		return nil, io.ErrUnexpectedEOF
	}
	data, stride := file[h.start:], (h.width*h.bits+31)/32*4
	pixel, err := h.pixel()
	if err != nil {
		return nil, err
	}
	if h.compression == bmpRLE8 || h.compression == bmpRLE4 {
		if data, err = h.expand(data); err != nil {
			return nil, err
		}
		h.bits, stride, pixel = 8, h.width, func(line []byte, x int) [3]uint8 { return h.palette[line[x]] }
	}
	size := min((h.width*h.bits+7)/8, stride) // of a line without padding, which the last one may lack
	if need := stride*(h.height-1) + size; len(data) < need {
		return nil, fmt.Errorf("%d bytes of pixels, expected %d: %w", len(data), need, io.ErrUnexpectedEOF)
	}
	m := newRGB(h.width, h.height)
	bands(ctx, h.height, h.width, func(lo, hi int) {
		for y := lo; y < hi; y++ {
			line, row := data[y*stride:][:size], m.row(h.height-1-y)
			if h.topDown {
				row = m.row(y)
			}
			for x := range h.width {
				c := pixel(line, x)
				copy(row[3*x:], c[:])
			}
		}
	})
	return m, nil
}

// pixel returns the function that reads pixel x of a line.
func (h *bmpHeader) pixel() (func(line []byte, x int) [3]uint8, error) {
	masks := h.masks
	if h.compression != bmpBitFields || masks == [3]uint32{} {
		masks = [3]uint32{0x7c00, 0x3e0, 0x1f}
		if h.bits > 16 {
			masks = [3]uint32{0xff0000, 0xff00, 0xff}
		}
	}
	switch h.bits {
	case 1, 4:
		return func(line []byte, x int) [3]uint8 {
			shift := 8 - h.bits - x*h.bits%8
			return h.palette[line[x*h.bits/8]>>shift&(1<<h.bits-1)]
		}, nil
	case 8:
		return func(line []byte, x int) [3]uint8 { return h.palette[line[x]] }, nil
	case 16:
		if masks != [3]uint32{0x7c00, 0x3e0, 0x1f} && masks != [3]uint32{0xf800, 0x7e0, 0x1f} {
			return nil, unsupported("bit fields %#x of 16 bits", masks)
		}
		return func(line []byte, x int) (rgb [3]uint8) {
			v := uint32(line[2*x]) | uint32(line[2*x+1])<<8
			for c, mask := range masks {
				shift := bits.TrailingZeros32(mask)
				rgb[c] = uint8(v & mask >> shift * 255 / (mask >> shift))
			}
			return rgb
		}, nil
	}
	var at [3]int // byte of each sample within a pixel
	size := h.bits / 8
	for c, mask := range masks {
		at[c] = bits.TrailingZeros32(mask) / 8
		if mask != 0xff<<(8*at[c]) || at[c] >= size {
			return nil, unsupported("bit fields %#x of %d bits", masks, h.bits)
		}
	}
	return func(line []byte, x int) [3]uint8 {
		p := line[x*size : (x+1)*size]
		return [3]uint8{p[at[0]], p[at[1]], p[at[2]]}
	}, nil
}
