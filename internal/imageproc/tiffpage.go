package imageproc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math/bits"
	"slices"

	"golang.org/x/image/tiff"
)

// decodeTIFF decodes the first page. golang.org/x/image decodes pages that this package
// makes of its directory: it sees neither BigTIFF, nor inks, nor separate planes.
func decodeTIFF(ctx context.Context, file []byte) (image.Image, error) {
	p, err := readTIFF(file)
	if err == nil {
		err = p.check()
	}
	if err == nil && p.compression <= 1 && p.missing() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	p.ctx = ctx
	switch {
	case p.int(tagFillOrder, 1) == 1:
	case p.compression == fax3, p.compression == fax4, p.compression == jpegNew: // their decoders see to it
	default:
		p.file = slices.Clone(file)
		for i, b := range file {
			p.file[i] = bits.Reverse8(b)
		}
	}
	switch {
	case p.compression == jpegNew:
		return p.decodeJPEG()
	case p.planar:
		return p.decodePlanes()
	case p.samples == 2:
		return p.decodePairs()
	case p.bits < 8 && (p.bits > 1 || p.photometric == photometricPalette):
		return p.decodeBits()
	}
	photometric := p.photometric
	if photometric == photometricCMYK {
		photometric = photometricRGB // of four samples
	}
	img, err := p.decode(tiffForm{photometric, p.samples, p.bits, p.order, 1}, 0)
	if err != nil {
		return nil, err
	}
	switch s := img.(type) {
	case *image.NRGBA:
		if p.photometric == photometricCMYK {
			return &image.CMYK{Pix: s.Pix, Stride: s.Stride, Rect: s.Rect}, nil
		}
	case *image.Gray:
		// x/image inverts fax-compressed pages whose black is zero, against the TIFF
		// specification and libtiff.
		if fax := p.compression == fax3 || p.compression == fax4; fax && p.photometric == blackIsZero {
			for i := range s.Pix {
				s.Pix[i] = ^s.Pix[i]
			}
		}
	}
	return img, nil
}

// decodePlanes decodes every sample as a grey page, and joins them.
func (p *tiffPage) decodePlanes() (image.Image, error) {
	size := 4 * p.bits / 8 // bytes of a pixel
	pix := make([]uint8, size*p.width*p.height)
	if p.samples == 3 {
		for i := range pix {
			pix[i] = 0xff
		}
	}
	for c := range p.samples {
		img, err := p.decode(tiffForm{blackIsZero, 1, p.bits, p.order, 1}, c)
		if err != nil {
			return nil, err
		}
		var plane []uint8
		switch s := img.(type) {
		case *image.Gray:
			plane = s.Pix
		case *image.Gray16:
			plane = s.Pix
		}
		bands(p.ctx, p.height, p.width, func(lo, hi int) {
			for b := range size / 4 {
				for i := lo * p.width; i < hi*p.width; i++ {
					pix[size*i+size/4*c+b] = plane[size/4*i+b]
				}
			}
		})
	}
	rect, stride := image.Rect(0, 0, p.width, p.height), size*p.width
	switch {
	case p.photometric == photometricCMYK:
		return &image.CMYK{Pix: pix, Stride: stride, Rect: rect}, nil
	case p.samples == 4 && p.extra() == premultiplied && p.bits == 16:
		return &image.RGBA64{Pix: pix, Stride: stride, Rect: rect}, nil
	case p.samples == 4 && p.extra() == premultiplied:
		return &image.RGBA{Pix: pix, Stride: stride, Rect: rect}, nil
	case p.bits == 16:
		return &image.NRGBA64{Pix: pix, Stride: stride, Rect: rect}, nil
	}
	return &image.NRGBA{Pix: pix, Stride: stride, Rect: rect}, nil
}

// decodeBits decodes samples of fewer than 8 bits: x/image sees each as a row of one-bit pixels.
func (p *tiffPage) decodeBits() (image.Image, error) {
	wide := *p
	wide.width *= p.bits
	img, err := wide.decode(tiffForm{blackIsZero, 1, 1, p.order, uint64(p.bits)}, 0)
	if err != nil {
		return nil, err
	}
	grey, largest := img.(*image.Gray), 1<<p.bits-1
	colours := p.palette()
	m := newRGB(p.width, p.height)
	bands(p.ctx, p.height, p.width, func(lo, hi int) {
		for y := lo; y < hi; y++ {
			line, row := grey.Pix[y*grey.Stride:], m.row(y)
			for x := range p.width {
				v := 0
				for _, bit := range line[x*p.bits:][:p.bits] {
					v = v<<1 | int(bit&1)
				}
				g := uint8(v * 255 / largest)
				c := [3]uint8{g, g, g}
				switch p.photometric {
				case whiteIsZero:
					c = [3]uint8{^g, ^g, ^g}
				case photometricPalette:
					c = colours[v]
				}
				copy(row[3*x:], c[:])
			}
		}
	})
	return m, nil
}

// decodePairs decodes pixels of a sample and alpha, of 8 bits each, as samples of 16 bits,
// of which the first byte is the high one.
func (p *tiffPage) decodePairs() (image.Image, error) {
	img, err := p.decode(tiffForm{blackIsZero, 1, 16, binary.BigEndian, 1}, 0)
	if grey, ok := img.(*image.Gray16); err == nil && ok && p.photometric == photometricPalette {
		colours := p.palette()
		m := newRGB(p.width, p.height)
		bands(p.ctx, p.height, p.width, func(lo, hi int) {
			for i := lo * p.width; i < hi*p.width; i++ {
				copy(m.Pix[3*i:], colours[grey.Pix[2*i]][:])
			}
		})
		return m, nil
	}
	return img, err
}

// palette returns the high bytes of the page's colours.
func (p *tiffPage) palette() (colours [256][3]uint8) {
	all := p.ints(tagColours, 3<<8)
	for i := range len(all) / 3 {
		for c := range 3 {
			colours[i][c] = uint8(all[c*len(all)/3+i] >> 8)
		}
	}
	return colours
}

// A tiffForm says how to read the bytes of a page: not always as the page itself does.
type tiffForm struct {
	photometric   uint64
	samples, bits int
	order         binary.ByteOrder
	stretch       uint64 // how many pixels a pixel becomes
}

// decode decodes the page in a form that has as many bits in all. Where planes are separate, it
// decodes the one with the number plane.
func (p *tiffPage) decode(form tiffForm, plane int) (image.Image, error) {
	offsets, counts := p.offsets, p.counts
	if len(counts) == 0 && len(offsets) == 1 && p.compression <= 1 { // some writers leave it out
		counts = []uint64{uint64((p.width*form.samples*form.bits + 7) / 8 * p.height)}
	}
	if len(counts) < len(offsets) {
		return nil, fmt.Errorf("%d strips or tiles of %d lengths", len(offsets), len(counts))
	}
	if p.planar {
		if len(offsets)%p.samples != 0 {
			return nil, fmt.Errorf("%d strips or tiles for %d planes", len(offsets), p.samples)
		}
		each := len(offsets) / p.samples
		offsets, counts = offsets[plane*each:(plane+1)*each], counts[plane*each:(plane+1)*each]
	}
	for i, at := range offsets {
		if _, ok := p.bytes(at, counts[i]); !ok {
			return nil, fmt.Errorf("%d bytes at %d: %w", counts[i], at, io.ErrUnexpectedEOF)
		}
	}
	page := map[uint16][]uint64{
		tagWidth: {uint64(p.width)}, tagHeight: {uint64(p.height)}, tagCompression: {p.compression},
		tagPhotometric: {form.photometric}, tagSamples: {uint64(form.samples)}, tagPredictor: {p.predictor()},
		tagBits: slices.Repeat([]uint64{uint64(form.bits)}, form.samples),
	}
	for _, tag := range []uint16{tagFillOrder, tagRows, tagT4Options, tagT6Options, tagColours, tagTileWidth, tagTileHeight} {
		if v := p.ints(tag, 3<<8); v != nil {
			page[tag] = v
		}
	}
	page[tagStripOffsets], page[tagStripCounts] = offsets, counts
	if p.tiled {
		page[tagTileOffsets], page[tagTileCounts] = offsets, counts
		page[tagTileWidth] = []uint64{p.int(tagTileWidth, 0) * form.stretch}
	}
	if form.samples == 4 {
		page[tagExtra] = []uint64{p.extra()}
	}
	file, err := p.with(page, form.order)
	if err != nil {
		return nil, err
	}
	img, err := tiff.Decode(file)
	switch eof := errors.Is(err, io.ErrUnexpectedEOF); {
	case eof && p.compression == lzw: // the file has all bytes of it
		return nil, unsupported("LZW compression without an end code")
	case err != nil && !eof && p.compression == fax3:
		return nil, unsupported("fax compression, Group 3: %v", err)
	}
	return img, err
}
