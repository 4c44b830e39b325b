package imageproc

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/bep/imagemeta"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

const (
	// DefaultMaxPixels is the limit that a maxPixels of 0 stands for.
	DefaultMaxPixels = 100_000_000

	// maxSide bounds the resampling weights, 16 bytes per pixel of a side.
	maxSide = 1 << 20

	// headSize is the number of bytes that identify a file's format.
	headSize = 64
)

// A format is one kind of picture file.
type format struct {
	name   string
	magic  string // first bytes; '?' stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func([]byte) (image.Image, error)
	exif   imagemeta.ImageFormat // where to look for EXIF data; 0 if the format has none

	// density is the most pixels one byte of file can stand for, or 0 if there is no
	// bound. A short file that claims a huge picture is refused by it before the
	// decoder allocates the picture.
	density int
}

// formats lists the known formats. The first one that matches a file decodes it.
func formats() []format {
	return []format{
		// Deflate expands at most 1032 times, and a byte holds up to 8 pixels.
		{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, from(png.Decode), imagemeta.PNG, 8 * 1032},
		// A block of 8x8 takes at least one bit.
		{"JPEG", "\xff\xd8", jpeg.DecodeConfig, from(jpeg.Decode), imagemeta.JPEG, 8 * 64},
		// A frame may cover any part of the claimed canvas.
		{"GIF", "GIF8?a", gif.DecodeConfig, decodeGIF, 0, 0},
		{"BMP", "BM", bmp.DecodeConfig, from(bmp.Decode), 0, 8},
		{"TIFF", "II*\x00", tiff.DecodeConfig, decodeTIFF, imagemeta.TIFF, 0},
		{"TIFF", "MM\x00*", tiff.DecodeConfig, decodeTIFF, imagemeta.TIFF, 0},
		{"WebP", "RIFF????WEBPVP8", webp.DecodeConfig, decodeWebP, imagemeta.WebP, 0},
	}
}

// from adapts a decoder of the standard library to a file held in memory.
func from(decode func(io.Reader) (image.Image, error)) func([]byte) (image.Image, error) {
	return func(file []byte) (image.Image, error) { return decode(bytes.NewReader(file)) }
}

// matches reports whether a file that starts with head has the format.
func (f *format) matches(head []byte) bool {
	if len(head) < len(f.magic) {
		return false
	}
	for i := range len(f.magic) {
		if f.magic[i] != '?' && f.magic[i] != head[i] {
			return false
		}
	}
	return true
}

// identify finds the format of a file by its first bytes.
func identify(head []byte) (*format, error) {
	for _, f := range formats() {
		if f.matches(head) {
			return &f, nil
		}
	}
	return nil, &FormatError{Found: describe(head)}
}

// Read decodes the picture in r; see [Decode] for the limit and the result. Data that is
// not a picture is refused after its first bytes, and Read stops at the size that an
// uncompressed picture of maxPixels could take.
func Read(r io.Reader, maxPixels int) (*RGB, error) {
	head := make([]byte, headSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading picture: %w", err)
	}
	head = head[:n]
	if _, err := identify(head); err != nil {
		return nil, err
	}
	// Four 16-bit samples a pixel, and a megabyte of metadata.
	limit := 8*min(int64(pixelLimit(maxPixels)), 1<<40) + 1<<20
	rest, err := io.ReadAll(io.LimitReader(r, limit-int64(n)+1))
	if err != nil {
		return nil, fmt.Errorf("reading picture: %w", err)
	}
	if int64(n+len(rest)) > limit {
		return nil, fmt.Errorf("picture file is over %d bytes, the most for %d pixels",
			limit, pixelLimit(maxPixels))
	}
	return Decode(append(head, rest...), maxPixels)
}

// Decode decodes a picture file held in memory to upright 8-bit RGB. A picture that claims
// more than maxPixels pixels (0 means [DefaultMaxPixels]) gives a [*SizeError] before its
// pixels are decoded; data of no known format gives a [*FormatError].
func Decode(file []byte, maxPixels int) (*RGB, error) {
	f, err := identify(file[:min(len(file), headSize)])
	if err != nil {
		return nil, err
	}
	return f.read(file, maxPixels)
}

// read decodes a file of this format.
func (f *format) read(file []byte, maxPixels int) (m *RGB, err error) {
	// A decoder's bug must cost one picture, not the process.
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, f.broken(file, fmt.Errorf("decoder failed: %v", p))
		}
	}()
	config, err := f.config(bytes.NewReader(file))
	if err != nil {
		return nil, f.broken(file, err)
	}
	if err := checkSize(config.Width, config.Height, maxPixels); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	pixels := int64(config.Width) * int64(config.Height)
	if f.density > 0 && pixels > int64(f.density)*int64(len(file)) {
		return nil, fmt.Errorf("truncated %s picture: %d bytes cannot hold %d x %d pixels",
			f.name, len(file), config.Width, config.Height)
	}
	img, err := f.decode(file)
	if err != nil {
		return nil, f.broken(file, err)
	}
	m, err = FromImage(img, maxPixels)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return m.upright(orientation(file, f.exif)), nil
}

// broken adds the format and length of a file to its decoder's error. Only some decoders
// tell a truncated file from a broken one.
func (f *format) broken(file []byte, err error) error {
	state := "broken or truncated"
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		state = "truncated"
	}
	return fmt.Errorf("%s %s picture of %d bytes: %w", state, f.name, len(file), err)
}

// pixelLimit returns the limit that maxPixels stands for, in pixels.
func pixelLimit(maxPixels int) int {
	if maxPixels <= 0 {
		return DefaultMaxPixels
	}
	return maxPixels
}

// checkSize refuses an empty picture and one over the limits.
func checkSize(width, height, maxPixels int) error {
	if width <= 0 || height <= 0 {
		return fmt.Errorf("picture of %d x %d pixels is empty", width, height)
	}
	limit := pixelLimit(maxPixels)
	// The product of two sides within maxSide fits an int64; longer sides are refused anyway.
	if width > maxSide || height > maxSide || int64(width)*int64(height) > int64(limit) {
		return &SizeError{Width: width, Height: height, MaxPixels: limit}
	}
	return nil
}
