package imageproc

import (
	"bytes"
	"context"
	"image"
	"image/gif"
	"image/png"
	"io"
)

// A format is one kind of picture file. To decode another one, add it to [formats].
type format struct {
	name     string
	magic    string                                  // first bytes; '?' stands for any byte
	config   func(file []byte) (image.Config, error) // the size, before anything of that size is allocated
	decode   func(ctx context.Context, file []byte) (image.Image, error)
	metadata func(file []byte) metadata // nil if the format has none

	// density is the most pixels one byte of file can stand for, or 0 if there is no
	// bound. A short file that claims a huge picture is refused by it before the
	// decoder allocates the picture.
	density int
}

// formats lists the known formats. The first one that matches a file decodes it.
func formats() []format {
	list := []format{
		// Deflate expands at most 1032 times, and a byte holds up to 8 pixels.
		{"PNG", "\x89PNG\r\n\x1a\n", config(png.DecodeConfig), decoder(png.Decode), pngMetadata, 8 * 1032},
		// A block of 8x8 takes at least one bit.
		{"JPEG", "\xff\xd8", jpegConfig, decodeJPEG, jpegMetadata, 8 * 64},
		// A frame may cover any part of the claimed canvas.
		{"GIF", "GIF8?a", config(gif.DecodeConfig), decodeGIF, nil, 0},
		// Two bytes may skip 255 lines.
		{"BMP", "BM", bmpConfig, decodeBMP, nil, 0},
		{"WebP", "RIFF????WEBPVP8", webpConfig, decodeWebP, webpMetadata, 0},
	}
	for _, magic := range []string{"II*\x00", "MM\x00*", "II+\x00", "MM\x00+"} {
		list = append(list, format{"TIFF", magic, tiffConfig, decodeTIFF, tiffMetadata, 0})
	}
	for kind := '1'; kind <= '6'; kind++ {
		for _, behind := range "\n \t\r#" {
			magic := string([]rune{'P', kind, behind})
			list = append(list, format{"PNM", magic, pnmConfig, decodePNM, nil, 8})
		}
	}
	return append(list, format{"PAM", "P7\n", pnmConfig, decodePNM, nil, 8})
}

// config adapts a function of the standard library to a file held in memory.
func config(read func(io.Reader) (image.Config, error)) func([]byte) (image.Config, error) {
	return func(file []byte) (image.Config, error) { return read(bytes.NewReader(file)) }
}

// decoder adapts a decoder of the standard library to a file held in memory.
func decoder(decode func(io.Reader) (image.Image, error)) func(context.Context, []byte) (image.Image, error) {
	return func(ctx context.Context, file []byte) (image.Image, error) { return decode(reading(ctx, file)) }
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
	return nil, unknown(head)
}
