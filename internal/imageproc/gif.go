package imageproc

import (
	"bytes"
	"context"
	"image"
	"image/gif"
)

// decodeGIF decodes the first frame onto the whole canvas. image/gif replaces the
// transparent colour by black, so the flag is cleared first: alpha is dropped, and the
// palette's own colour counts.
func decodeGIF(ctx context.Context, file []byte) (image.Image, error) {
	head, rest, transparent := opaqueHead(file)
	img, err := gif.Decode(reading(ctx, head, rest))
	switch {
	case err != nil && err.Error() == "gif: no color table": // valid, but nobody says what its colours are
		return nil, unsupported("no colour table")
	case err != nil:
		return nil, err
	}
	config, err := gif.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	frame, ok := img.(*image.Paletted)
	canvas := image.Rect(0, 0, config.Width, config.Height)
	if !ok || frame.Rect == canvas {
		return img, nil
	}
	// Pixels outside the frame have the transparent colour, else colour 0, as in Pillow.
	out := image.NewPaletted(canvas, frame.Palette)
	if transparent != 0 {
		for i := range out.Pix {
			out.Pix[i] = transparent
		}
	}
	for y := frame.Rect.Min.Y; y < frame.Rect.Max.Y; y++ {
		n := frame.Rect.Dx()
		copy(out.Pix[out.PixOffset(frame.Rect.Min.X, y):][:n], frame.Pix[frame.PixOffset(frame.Rect.Min.X, y):][:n])
	}
	return out, nil
}

// opaqueHead splits a GIF behind the transparency flag of its first image and clears the
// flag in a copy of the first part. It also returns the palette index of the transparent
// colour, or 0. A GIF without the flag is all in rest; the decoder refuses a file that
// ends early.
func opaqueHead(file []byte) (head, rest []byte, transparent uint8) {
	const (
		screen         = 13 // signature and logical screen descriptor
		extension      = 0x21
		graphicControl = 0xf9
	)
	if len(file) < screen {
		return nil, file, 0
	}
	at := screen
	if flags := file[10]; flags&0x80 != 0 {
		at += 3 << (flags&7 + 1) // global palette
	}
	flagAt := -1
	for at+2 < len(file) && file[at] == extension {
		if file[at+1] == graphicControl && file[at+2] == 4 && at+6 < len(file) {
			flagAt = at + 3
		}
		for at += 2; at < len(file) && file[at] != 0; {
			at += 1 + int(file[at]) // data sub-block
		}
		at++ // terminator
	}
	if flagAt < 0 || file[flagAt]&1 == 0 {
		return nil, file, 0
	}
	head = bytes.Clone(file[:flagAt+1])
	head[flagAt] &^= 1
	return head, file[flagAt+1:], file[flagAt+3]
}
