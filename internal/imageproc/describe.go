package imageproc

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pgcli/paligemma/internal/lfs"
)

// A kind is data that this package does not decode, known by some of its first bytes.
type kind struct {
	offset      int
	magic, name string
}

// pictures are the formats of pictures among them.
func pictures() []kind {
	return []kind{
		{4, "ftypavif", "AVIF"},
		{4, "ftypavis", "AVIF"},
		{4, "ftyphei", "HEIC"},
		{4, "ftyphev", "HEIC"},
		{4, "ftypmif1", "HEIF"},
		{4, "ftypmsf1", "HEIF"},
		{0, "\xff\x0a", "JPEG XL"},
		{4, "JXL ", "JPEG XL"},
		{4, "jP  ", "JPEG 2000"},
		{0, "\xff\x4f\xff\x51", "JPEG 2000"},
		{0, "8BPS", "Photoshop"},
		{0, "\x00\x00\x01\x00", "Windows icon"},
		{0, "icns", "macOS icon"},
		{0, "DDS ", "DDS"},
		{0, "qoif", "QOI"},
		{0, "\x01\xda", "SGI"},
		{0, "\x59\xa6\x6a\x95", "Sun raster"},
		{0, "\x76\x2f\x31\x01", "OpenEXR"},
		{0, "#?RADIANCE", "Radiance HDR"},
		{0, "P7 332", "XV thumbnail"},
		{0, "Pf\n", "PFM"},
		{0, "PF\n", "PFM"},
		{0, "SIMPLE  =", "FITS"},
		{0, "BLP1", "BLP"},
		{0, "BLP2", "BLP"},
		{0, "FTEX", "FTEX"},
		{0, "DanM", "MSP"},
		{0, "LinS", "MSP"},
		{0, "/* XPM */", "XPM"},
		{0, "\x80\xe8\x00\x00", "Pixar"},
		{4, "\x11\xaf", "FLI"},
		{4, "\x12\xaf", "FLI"},
		{0, "\xb1\x68\xde\x3a", "DCX"},
		{0, "\x0a\x02\x01", "PCX"},
		{0, "\x0a\x03\x01", "PCX"},
		{0, "\x0a\x05\x01", "PCX"},
		{0, "\x28\x00\x00\x00", "DIB"},
		{0, "\xd7\xcd\xc6\x9a", "WMF"},
		{0, "\xc5\xd0\xd3\xc6", "EPS"},
		{0, "%!PS", "EPS"},
		{0, "<svg", "SVG"},
		{0, "#define ", "XBM"},
		{0, "Image type: ", "IM"},
		{0, "*comment", "IM Tools"},
		{20, "GIMP", "GIMP brush"},
		{0, "\x00\x00\x00\x00\x00\x00\x00\x04", "McIDAS"},
		{28, "\xff\xff\xff\xff\x0e\x0e\x0e\x0e", "Photo CD"},
		// Targa has no magic bytes: no palette or one of 24-bit colours, and a known type.
		{1, "\x00\x02\x00\x00\x00\x00\x00", "Targa"},
		{1, "\x00\x03\x00\x00\x00\x00\x00", "Targa"},
		{1, "\x00\x0a\x00\x00\x00\x00\x00", "Targa"},
		{1, "\x00\x0b\x00\x00\x00\x00\x00", "Targa"},
		{1, "\x01\x01\x00\x00", "Targa"},
		{1, "\x01\x09\x00\x00", "Targa"},
		{0, "\x00\x00\x02\x00", "Windows cursor"}, // some Targa files, too
	}
}

// others are no pictures.
func others() []kind {
	return []kind{
		{0, "GGUF", "a GGUF model"},
		{0, "%PDF", "a PDF document"},
		{0, "PK\x03\x04", "a ZIP archive"},
		{0, "\x1f\x8b", "gzip data"},
		{4, "ftyp", "an MP4 or QuickTime file"},
		{0, "RIFF", "a RIFF file that is not WebP"},
		{0, lfs.Prefix, "a git-lfs pointer; `git lfs pull` fetches the picture"},
		{0, "\x7fELF", "an ELF program"},
	}
}

func (k kind) matches(head []byte) bool {
	return len(head) >= k.offset && bytes.HasPrefix(head[k.offset:], []byte(k.magic))
}

// unknown returns the error for data that no format matched, from its first bytes.
func unknown(head []byte) error {
	if len(head) == 0 {
		return &FormatError{Found: "an empty file"}
	}
	for _, k := range pictures() {
		if k.matches(head) {
			return &UnsupportedError{Format: k.name}
		}
	}
	for _, k := range others() {
		if k.matches(head) {
			return &FormatError{Found: k.name}
		}
	}
	if isText(head) {
		return &FormatError{Found: fmt.Sprintf("text (%.40q)", strings.ToValidUTF8(string(head), ""))}
	}
	return &FormatError{Found: fmt.Sprintf("unknown data (first bytes % x)", head[:min(8, len(head))])}
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
