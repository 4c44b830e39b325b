package imageproc

import (
	"errors"
	"fmt"
	"image"
	"strings"
)

// Kinds of pictures that are refused; test for them with errors.Is. Data that is not a
// picture gives [image.ErrFormat].
var (
	ErrTooLarge    = errors.New("picture is too large")
	ErrBroken      = errors.New("picture is broken or truncated")
	ErrUnsupported = errors.New("picture is of a kind that is not supported")
)

// readable lists the formats for messages.
const readable = "PNG, JPEG, GIF, BMP, TIFF, WebP or PNM"

// A SizeError reports a picture with too many pixels, or a side too long, to be prepared.
type SizeError struct {
	Width, Height int // as the picture claims, in pixels
	MaxPixels     int // the limit on Width * Height that applied
}

func (e *SizeError) Error() string {
	if pixels := int64(e.Width) * int64(e.Height); pixels > int64(e.MaxPixels) {
		return fmt.Sprintf("picture of %d x %d = %d pixels is over the limit of %d pixels",
			e.Width, e.Height, pixels, e.MaxPixels)
	}
	return fmt.Sprintf("picture of %d x %d pixels has a side over %d", e.Width, e.Height, maxSide)
}

// Is reports whether target is [ErrTooLarge].
func (e *SizeError) Is(target error) bool { return target == ErrTooLarge }

// A FormatError reports data that is not a picture in a known format.
type FormatError struct {
	Found string // what the data looks like, such as "a PDF document"
}

func (e *FormatError) Error() string {
	return "not a " + readable + " picture: found " + e.Found
}

// Is reports whether target is [image.ErrFormat].
func (e *FormatError) Is(target error) bool { return target == image.ErrFormat }

// An UnsupportedError reports a valid picture that this package does not decode.
type UnsupportedError struct {
	Format  string // such as "JPEG" or "HEIC"
	Feature string // such as "arithmetic coding"; empty if it is the format itself
}

func (e *UnsupportedError) Error() string {
	if e.Feature == "" {
		return fmt.Sprintf("%s pictures are not supported; convert it to one of %s, such as with ImageMagick's `magick FILE FILE.png`",
			e.Format, strings.Replace(readable, " or ", " and ", 1))
	}
	return fmt.Sprintf("unsupported %s picture: %s", e.Format, e.Feature)
}

// Is reports whether target is [ErrUnsupported].
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// unsupported returns an [*UnsupportedError] whose format [format.read] fills in.
func unsupported(feature string, args ...any) error {
	return &UnsupportedError{Feature: fmt.Sprintf(feature, args...)}
}

// A brokenError adds a file's format and length to its decoder's error.
type brokenError struct {
	state, format string
	bytes         int
	cause         error
}

func (e *brokenError) Error() string {
	return fmt.Sprintf("%s %s picture of %d bytes: %v", e.state, e.format, e.bytes, e.cause)
}

func (e *brokenError) Is(target error) bool { return target == ErrBroken }

func (e *brokenError) Unwrap() error { return e.cause }
