package imageproc

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"slices"
)

// Tags of a TIFF page, and some of their values (TIFF 6.0; 347 from its technical note 2).
const (
	tagWidth, tagHeight = 256, 257
	tagBits             = 258
	tagCompression      = 259
	tagPhotometric      = 262
	tagFillOrder        = 266
	tagStripOffsets     = 273
	tagSamples          = 277
	tagRows             = 278
	tagStripCounts      = 279
	tagPlanar           = 284
	tagT4Options        = 292
	tagT6Options        = 293
	tagPredictor        = 317
	tagColours          = 320
	tagTileWidth        = 322
	tagTileHeight       = 323
	tagTileOffsets      = 324
	tagTileCounts       = 325
	tagExtra            = 338
	tagFormat           = 339
	tagJPEGTables       = 347

	whiteIsZero         = 0
	blackIsZero         = 1
	photometricRGB      = 2
	photometricPalette  = 3
	photometricCMYK     = 5
	photometricYCbCr    = 6
	premultiplied       = 1 // of tagExtra
	fax3, fax4          = 3, 4
	lzw, jpegNew        = 5, 7
	deflate, deflateOld = 8, 32946
	packBits            = 32773

	maxBlocks = 1 << 20 // strips or tiles of a page
)

// A tiffPage is the first page of a TIFF or BigTIFF.
type tiffPage struct {
	directory
	ctx           context.Context // of the decoding
	width, height int
	samples       int // of a pixel
	bits          int // of a sample
	compression   uint64
	photometric   uint64
	planar        bool     // every sample has strips or tiles of its own
	tiled         bool     // in tiles, else in strips
	offsets       []uint64 // of strips or tiles
	counts        []uint64 // their bytes
}

// readTIFF reads the first page's directory.
func readTIFF(file []byte) (p tiffPage, err error) {
	d, ok := readDirectory(file)
	switch {
	case !ok:
		return p, errors.New("no directory")
	case d.cut:
		return p, fmt.Errorf("directory: %w", io.ErrUnexpectedEOF)
	}
	p = tiffPage{directory: d}
	width, height := d.int(tagWidth, 0), d.int(tagHeight, 0)
	if max(width, height) > 1<<32 {
		return p, fmt.Errorf("sides of %d and %d pixels", width, height)
	}
	p.width, p.height = int(width), int(height)
	p.compression, p.photometric = d.int(tagCompression, 1), d.int(tagPhotometric, whiteIsZero)
	p.samples = int(min(d.int(tagSamples, 1), 1<<16))
	p.planar = p.samples > 1 && d.int(tagPlanar, 1) == 2
	p.bits = int(min(d.int(tagBits, 1), 1<<16))
	at, length := uint16(tagStripOffsets), uint16(tagStripCounts)
	if p.tiled = d.int(tagTileWidth, 0) > 0; p.tiled {
		at, length = tagTileOffsets, tagTileCounts
	}
	p.offsets, p.counts = d.ints(at, maxBlocks+1), d.ints(length, maxBlocks+1)
	if len(p.offsets) > maxBlocks {
		return p, unsupported("more than %d strips or tiles", maxBlocks)
	}
	return p, nil
}

// tiffConfig returns the page's size.
func tiffConfig(file []byte) (image.Config, error) {
	p, err := readTIFF(file)
	if err == nil {
		err = p.check()
	}
	return image.Config{ColorModel: color.RGBAModel, Width: p.width, Height: p.height}, err
}

// check refuses a page that would be decoded to other pixels than libtiff's. Whatever
// golang.org/x/image does not know, and does not notice either, is listed here.
func (p *tiffPage) check() error {
	for _, b := range p.ints(tagBits, 16) {
		if int(b) != p.bits {
			return unsupported("samples of %d and %d bits", p.bits, b)
		}
	}
	for _, f := range p.ints(tagFormat, 16) {
		if f != 1 && f != 4 {
			return unsupported("sample format %d with %d bits (signed, floating point or complex)", f, p.bits)
		}
	}
	switch p.compression {
	case 0, 1, lzw, deflate, deflateOld, packBits:
	case fax3, fax4:
		if p.bits != 1 || p.samples != 1 {
			return unsupported("fax compression of %d samples of %d bits", p.samples, p.bits)
		}
		if o := p.int(tagT4Options, 0); p.compression == fax3 && o&3 != 0 {
			return unsupported("fax compression with T4Options %d", o)
		}
		if o := p.int(tagT6Options, 0); p.compression == fax4 && o != 0 {
			return unsupported("fax compression with T6Options %d", o)
		}
	case jpegNew:
		return p.checkJPEG()
	default:
		return unsupported("compression %d", p.compression)
	}
	if v := p.predictor(); v > 2 || v == 2 && (p.bits < 8 || p.samples == 2) {
		return unsupported("predictor %d of %d samples of %d bits", v, p.samples, p.bits)
	}
	type layout struct {
		photometric   uint64
		samples, bits int
	}
	if l := (layout{p.photometric, p.samples, p.bits}); !slices.Contains([]layout{
		{whiteIsZero, 1, 1}, {whiteIsZero, 1, 2}, {whiteIsZero, 1, 4}, {whiteIsZero, 1, 8}, {whiteIsZero, 1, 16},
		{blackIsZero, 1, 1}, {blackIsZero, 1, 2}, {blackIsZero, 1, 4}, {blackIsZero, 1, 8}, {blackIsZero, 1, 16},
		{blackIsZero, 2, 8}, {photometricPalette, 2, 8},
		{photometricPalette, 1, 1}, {photometricPalette, 1, 2}, {photometricPalette, 1, 4},
		{photometricRGB, 3, 8}, {photometricRGB, 3, 16}, {photometricRGB, 4, 8}, {photometricRGB, 4, 16},
		{photometricPalette, 1, 8}, {photometricCMYK, 4, 8},
	}, l) {
		return unsupported("photometric interpretation %d with %d samples of %d bits", l.photometric, l.samples, l.bits)
	}
	if p.planar && p.samples == 2 {
		return unsupported("alpha in a plane of its own beside one sample")
	}
	return nil
}

// missing reports whether an uncompressed page has fewer bytes than its pixels need.
func (p *tiffPage) missing() bool {
	if len(p.counts) == 0 || p.width > maxSide || p.height > maxSide {
		return false
	}
	row := (uint64(p.width)*uint64(p.bits*p.samples) + 7) / 8
	if p.planar {
		row = (uint64(p.width)*uint64(p.bits) + 7) / 8 * uint64(p.samples)
	}
	sum := uint64(0)
	for _, n := range p.counts {
		sum += min(n, uint64(len(p.file)))
	}
	return sum < row*uint64(p.height)
}

// predictor returns how samples were predicted. Only these compressions use the tag.
func (p *tiffPage) predictor() uint64 {
	if p.compression == lzw || p.compression == deflate || p.compression == deflateOld {
		return p.int(tagPredictor, 1)
	}
	return 1
}

// extra returns the meaning of the fourth sample: premultiplied, or 2, for alpha that is
// dropped. Fourth samples of any other meaning are dropped, too.
func (p *tiffPage) extra() uint64 {
	if p.photometric == photometricRGB && p.int(tagExtra, 0) == premultiplied {
		return premultiplied
	}
	return 2
}
