package imageproc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	"golang.org/x/image/webp"
)

// A webpFrame is the first frame of a WebP: the only one, if it is not animated.
type webpFrame struct {
	canvas image.Point     // the picture's size
	rect   image.Rectangle // of the frame on the canvas
	still  []byte          // a WebP of the frame alone, without alpha
}

// readWebP finds the first frame. golang.org/x/image does not read animations.
func readWebP(file []byte) (f webpFrame, err error) {
	if len(file) < 20 || int64(len(file)) < 8+int64(binary.LittleEndian.Uint32(file[4:])) {
		return f, io.ErrUnexpectedEOF
	}
	uint24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	chunks := file[12:]
	for kind, body := range riffChunks(chunks) {
		switch {
		case kind == "VP8X" && len(body) >= 10:
			f.canvas = image.Pt(uint24(body[4:])+1, uint24(body[7:])+1)
		case kind == "ANMF" && len(body) >= 16:
			at := image.Pt(2*uint24(body), 2*uint24(body[3:]))
			f.rect = image.Rectangle{at, at.Add(image.Pt(uint24(body[6:])+1, uint24(body[9:])+1))}
			chunks = body[16:]
		}
		if kind == "ANMF" || kind == "VP8 " || kind == "VP8L" {
			break
		}
	}
	for kind, body := range riffChunks(chunks) {
		if kind == "VP8 " || kind == "VP8L" {
			f.still = binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(12+len(body)+len(body)%2))
			f.still = binary.LittleEndian.AppendUint32(append(f.still, "WEBP"+kind...), uint32(len(body)))
			f.still = append(append(f.still, body...), make([]byte, len(body)%2)...)
			break
		}
	}
	if f.still == nil {
		return f, errors.New("no frame")
	}
	c, err := webp.DecodeConfig(bytes.NewReader(f.still))
	if err != nil {
		return f, err
	}
	size := image.Pt(c.Width, c.Height)
	if f.rect.Empty() {
		f.rect = image.Rectangle{Max: size}
	}
	if f.canvas == (image.Point{}) {
		f.canvas = size
	}
	if canvas := (image.Rectangle{Max: f.canvas}); f.rect.Size() != size || !f.rect.In(canvas) {
		return f, fmt.Errorf("frame of %v pixels at %v does not fit the canvas of %v", size, f.rect, f.canvas)
	}
	return f, nil
}

// webpConfig returns the size of the canvas.
func webpConfig(file []byte) (image.Config, error) {
	f, err := readWebP(file)
	return image.Config{Width: f.canvas.X, Height: f.canvas.Y}, err
}

// decodeWebP decodes the first frame. As in libwebp, the canvas around it is black. A lossy
// frame is converted to RGB here, because its samples are in BT.601's studio range, which
// Go's image.YCbCr cannot express.
func decodeWebP(ctx context.Context, file []byte) (image.Image, error) {
	f, err := readWebP(file)
	if err != nil {
		return nil, err
	}
	img, err := webp.Decode(reading(ctx, f.still))
	if err != nil {
		return nil, err
	}
	frame, err := webpRGB(ctx, img)
	if err != nil || f.rect.Size() == f.canvas {
		return frame, err
	}
	m := newRGB(f.canvas.X, f.canvas.Y)
	for y := range frame.Height {
		copy(m.row(f.rect.Min.Y + y)[3*f.rect.Min.X:], frame.row(y))
	}
	return m, nil
}

// webpRGB converts a frame to RGB.
func webpRGB(ctx context.Context, img image.Image) (*RGB, error) {
	planes, lossy := img.(*image.YCbCr)
	if !lossy {
		return FromImage(ctx, img, math.MaxInt)
	}
	m := newRGB(planes.Rect.Dx(), planes.Rect.Dy())
	bands(ctx, m.Height, m.Width, func(lo, hi int) {
		for y := lo; y < hi; y++ {
			webpRow(m, planes, y)
		}
	})
	return m, nil
}

// webpRow converts line y as libwebp does. Chroma is the mean of the four nearest cells
// weighted 9, 3, 3, 1, in libwebp's rounding; the edge cells repeat.
func webpRow(m *RGB, s *image.YCbCr, y int) {
	g := newChromaGrid(s)
	near, far := g.rows(y)
	luma, rgb := s.Y[y*s.YStride:], m.row(y)
	mix := func(plane []uint8, cell, beside int) int32 {
		n, h := int32(plane[near+cell]), int32(plane[near+beside])
		v, d := int32(plane[far+cell]), int32(plane[far+beside])
		return ((n+3*h+3*v+d+8)>>3 + n) >> 1
	}
	for x := range m.Width {
		cell := x / 2
		beside := min(max(cell-1+2*(x%2), 0), g.columns-1)
		// Studio-range BT.601 in libwebp's fixed point: factors have 14 fractional bits,
		// sums 6.
		l := int32(luma[x]) * 19077 >> 8
		u, v := mix(s.Cb, cell, beside), mix(s.Cr, cell, beside)
		rgb[3*x] = clip8((l + v*26149>>8 - 14234) >> 6)
		rgb[3*x+1] = clip8((l - u*6419>>8 - v*13320>>8 + 8708) >> 6)
		rgb[3*x+2] = clip8((l + u*33050>>8 - 17685) >> 6)
	}
}
