package imageproc

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
)

// checkJPEG refuses pages of JPEGs that this package does not decode.
func (p *tiffPage) checkJPEG() error {
	grey := p.samples == 1 && p.photometric == blackIsZero
	colour := p.samples == 3 && (p.photometric == photometricRGB || p.photometric == photometricYCbCr)
	inks := p.samples == 4 && p.photometric == photometricCMYK
	if !grey && !colour && !inks || p.bits != 8 || p.planar {
		return unsupported("JPEG compression with photometric interpretation %d, %d samples of %d bits, planar %v",
			p.photometric, p.samples, p.bits, p.planar)
	}
	return nil
}

// decodeJPEG decodes strips or tiles that are JPEGs, as libjpeg does each, and joins them.
func (p *tiffPage) decodeJPEG() (image.Image, error) {
	width, height := p.width, int(min(p.int(tagRows, uint64(p.height)), uint64(p.height)))
	if p.tiled {
		width, height = int(min(p.int(tagTileWidth, 0), maxSide)), int(min(p.int(tagTileHeight, 0), maxSide))
	}
	if width < 1 || height < 1 {
		return nil, fmt.Errorf("strips or tiles of %d x %d pixels", width, height)
	}
	across, down := (p.width+width-1)/width, (p.height+height-1)/height
	if len(p.offsets) < across*down || len(p.counts) < across*down {
		return nil, fmt.Errorf("%d strips or tiles of %d lengths; expected %d", len(p.offsets), len(p.counts), across*down)
	}
	m := newRGB(p.width, p.height)
	for i := range across * down {
		data, ok := p.bytes(p.offsets[i], p.counts[i])
		if !ok {
			return nil, io.ErrUnexpectedEOF
		}
		at := image.Pt(i%across*width, i/across*height)
		block, err := p.block(data, image.Pt(width, height))
		if err != nil {
			return nil, fmt.Errorf("strip or tile %d: %w", i, err)
		}
		for y := range min(block.Height, p.height-at.Y) {
			copy(m.row(at.Y + y)[3*at.X:], block.row(y))
		}
		if !p.tiled && block.Width < p.width || block.Height < min(height, p.height-at.Y) {
			return nil, fmt.Errorf("strip or tile %d: %d x %d pixels", i, block.Width, block.Height)
		}
	}
	return m, nil
}

// block decodes one JPEG, of the given size at most. The page says what its colours are.
func (p *tiffPage) block(data []byte, size image.Point) (*RGB, error) {
	tables := p.entries[tagJPEGTables].value
	if len(data) < 4 {
		return nil, io.ErrUnexpectedEOF
	}
	if len(tables) > 4 {
		// Without the tables' end, and the JPEG's start.
		data = bytes.Join([][]byte{tables[:len(tables)-2], data[2:]}, nil)
	}
	h, err := readJPEGHeader(data)
	if err != nil {
		return nil, err
	}
	if h.width > size.X || h.height > size.Y || len(h.components) != p.samples {
		return nil, errors.New("JPEG does not fit the page")
	}
	h.rgb, h.ycck, h.inverted = p.photometric == photometricRGB, false, false
	img, err := h.decode(p.ctx, data)
	if err != nil {
		return nil, err
	}
	return FromImage(p.ctx, img, 0)
}
