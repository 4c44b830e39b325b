package imageproc

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

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

// A FormatError reports data that is not a picture in a known format.
type FormatError struct {
	Found string // what the data looks like, such as "a PDF document"
}

func (e *FormatError) Error() string {
	return "not a PNG, JPEG, GIF, BMP, TIFF or WebP picture: found " + e.Found
}

// describe names data that no format matched, from its first bytes.
func describe(head []byte) string {
	if len(head) == 0 {
		return "an empty file"
	}
	for _, k := range []struct {
		offset      int
		magic, name string
	}{
		{0, "GGUF", "a GGUF model"},
		{0, "%PDF", "a PDF document"},
		{0, "PK\x03\x04", "a ZIP archive"},
		{0, "\x1f\x8b", "gzip data"},
		{0, "8BPS", "a Photoshop document"},
		{0, "\xff\x0a", "a JPEG XL picture"},
		{4, "JXL ", "a JPEG XL picture"},
		{4, "jP  ", "a JPEG 2000 picture"},
		{4, "ftypavif", "an AVIF picture"},
		{4, "ftyphei", "a HEIC picture"},
		{4, "ftypmif1", "a HEIF picture"},
		{4, "ftyp", "an MP4 or QuickTime file"},
		{0, "II+\x00", "a BigTIFF picture"},
		{0, "MM\x00+", "a BigTIFF picture"},
		{0, "RIFF", "a RIFF file that is not WebP"},
		{0, "\x00\x00\x01\x00", "a Windows icon"},
		{0, "<svg", "an SVG drawing"},
		{0, "\x7fELF", "an ELF program"},
	} {
		if len(head) >= k.offset && bytes.HasPrefix(head[k.offset:], []byte(k.magic)) {
			return k.name
		}
	}
	if isText(head) {
		return fmt.Sprintf("text (%.40q)", strings.ToValidUTF8(string(head), ""))
	}
	return fmt.Sprintf("unknown data (first bytes % x)", head[:min(8, len(head))])
}

// isText reports whether head is UTF-8 without control characters. A character cut by
// the end of head is allowed.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && size == 1 && utf8.FullRune(head) {
			return false
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		head = head[size:]
	}
	return true
}
