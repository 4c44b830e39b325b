package imageproc

import (
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"

	flexible "github.com/kovidgoyal/imaging/jpeg"
	"golang.org/x/image/tiff"
)

const (
	// DefaultMaxPixels is the limit that a maxPixels of 0 stands for.
	DefaultMaxPixels = 100_000_000

	// maxSide bounds the resampling weights, 16 bytes per pixel of a side.
	maxSide = 1 << 20

	// headSize is the number of bytes that identify a file's format.
	headSize = 64
)

// Read decodes the picture in r; see [Decode] for the limit and the result.
func Read(ctx context.Context, r io.Reader, maxPixels int) (*RGB, error) {
	file, err := ReadFile(r, maxPixels)
	if err != nil {
		return nil, err
	}
	return Decode(ctx, file, maxPixels)
}

// ReadFile returns the bytes of the picture in r, for [Decode]. Data that is not a picture
// is refused after its first bytes, and ReadFile stops at the size that an uncompressed
// picture of maxPixels could take.
func ReadFile(r io.Reader, maxPixels int) ([]byte, error) {
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
		return nil, fmt.Errorf("%w: the file is over %d bytes, the most for %d pixels",
			ErrTooLarge, limit, pixelLimit(maxPixels))
	}
	return append(head, rest...), nil
}

// Decode decodes a picture file held in memory to upright 8-bit RGB. A picture that claims
// more than maxPixels pixels (0 means [DefaultMaxPixels]) gives a [*SizeError] before its
// pixels are decoded; data of no known format gives a [*FormatError]. After ctx ends the
// error is its cause: soon, except where a decoder of others works long between two reads,
// or after its last one. A lossy WebP is decoded to its end; a progressive JPEG, an
// interlaced PNG, and a TIFF whose samples are differences, have a last step.
func Decode(ctx context.Context, file []byte, maxPixels int) (*RGB, error) {
	f, err := identify(file[:min(len(file), headSize)])
	if err != nil {
		return nil, err
	}
	return f.read(ctx, file, maxPixels)
}

// read decodes a file of this format.
func (f *format) read(ctx context.Context, file []byte, maxPixels int) (m *RGB, err error) {
	// A decoder's bug must cost one picture, not the process.
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, f.refused(file, fmt.Errorf("decoder failed: %v", p))
		}
	}()
	config, err := f.config(file)
	if err != nil {
		return nil, f.refused(file, err)
	}
	err = checkSize(config.Width, config.Height, maxPixels)
	switch {
	case errors.Is(err, ErrTooLarge):
		return nil, fmt.Errorf("%s: %w", f.name, err)
	case err != nil:
		return nil, f.refused(file, err)
	}
	pixels := int64(config.Width) * int64(config.Height)
	if f.density > 0 && pixels > int64(f.density)*int64(len(file)) {
		return nil, &brokenError{"truncated", f.name, len(file),
			fmt.Errorf("it cannot hold %d x %d pixels", config.Width, config.Height)}
	}
	defer func() {
		if ended := context.Cause(ctx); ended != nil {
			m, err = nil, fmt.Errorf("decoding %s: %w", f.name, ended)
		}
	}()
	img, err := f.decode(ctx, file)
	if err != nil {
		return nil, f.refused(file, err)
	}
	m, err = FromImage(ctx, img, maxPixels)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if f.metadata != nil {
		m = m.upright(ctx, f.metadata(file).orientation())
	}
	return m, nil
}

// refused turns a decoder's error into one of this package. Only some decoders tell a
// truncated file from a broken one.
func (f *format) refused(file []byte, err error) error {
	var (
		ours  *UnsupportedError
		jpegs jpeg.UnsupportedError
		flex  flexible.UnsupportedError
		pngs  png.UnsupportedError
		tiffs tiff.UnsupportedError
	)
	switch {
	case errors.As(err, &ours):
		return &UnsupportedError{f.name, ours.Feature}
	case errors.As(err, &jpegs):
		return &UnsupportedError{f.name, string(jpegs)}
	case errors.As(err, &flex):
		return &UnsupportedError{f.name, string(flex)}
	case errors.As(err, &pngs):
		return &UnsupportedError{f.name, string(pngs)}
	case errors.As(err, &tiffs):
		return &UnsupportedError{f.name, string(tiffs)}
	}
	state := "broken or truncated"
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		state = "truncated"
	}
	return &brokenError{state, f.name, len(file), err}
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
