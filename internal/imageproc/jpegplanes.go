package imageproc

import (
	"context"
	"fmt"
	"image"

	"github.com/pgcli/paligemma/kernels"
)

// A plane is a component of a picture in the size in which a file stores it.
type plane struct {
	pix  []uint8
	grid chromaGrid
}

// plane copies component i out of an image in which a decoder repeated its samples.
func (h *jpegHeader) plane(ctx context.Context, i int, pix []uint8, stride, step int) plane {
	c := h.components[i]
	g := chromaGrid{stepX: h.maxH / c.h, stepY: h.maxV / c.v}
	g.columns = (h.width + g.stepX - 1) / g.stepX
	rows := (h.height + g.stepY - 1) / g.stepY
	g.lastY, g.stride = rows-1, g.columns
	p := plane{make([]uint8, g.columns*rows), g}
	bands(ctx, rows, g.columns, func(lo, hi int) {
		for y := lo; y < hi; y++ {
			src := pix[y*g.stepY*stride:]
			for x := range g.columns {
				p.pix[y*g.columns+x] = src[x*g.stepX*step]
			}
		}
	})
	return p
}

// planes returns the components of an image that a decoder was made to return as they are
// stored: as YCbCr, or as CMYK, which image/jpeg inverts.
func (h *jpegHeader) planes(ctx context.Context, img image.Image) ([]plane, error) {
	if r := img.Bounds(); r != image.Rect(0, 0, h.width, h.height) {
		return nil, fmt.Errorf("decoded %v of %d x %d pixels", r, h.width, h.height)
	}
	switch s := img.(type) {
	case *image.YCbCr:
		if err := checkYCbCr(s); err != nil {
			return nil, err
		}
		if s.SubsampleRatio == image.YCbCrSubsampleRatio444 { // luma may be the subsampled one
			return []plane{h.plane(ctx, 0, s.Y, s.YStride, 1), h.plane(ctx, 1, s.Cb, s.CStride, 1), h.plane(ctx, 2, s.Cr, s.CStride, 1)}, nil
		}
		luma, chroma := chromaGrid{stepX: 1, stepY: 1, columns: h.width, lastY: h.height - 1, stride: s.YStride}, newChromaGrid(s)
		return []plane{{s.Y, luma}, {s.Cb, chroma}, {s.Cr, chroma}}, nil
	case *image.CMYK:
		var all []plane
		for i := range h.components {
			p := h.plane(ctx, i, s.Pix[i:], s.Stride, 4)
			for j := range p.pix {
				p.pix[j] = ^p.pix[j]
			}
			all = append(all, p)
		}
		return all, nil
	}
	return nil, unsupported("sampling of %s", h.sampling())
}

// join interpolates the components to the size of the picture, as libjpeg-turbo does, and
// converts them to RGB, inks as Pillow does.
func (h *jpegHeader) join(ctx context.Context, img image.Image) (*RGB, error) {
	all, err := h.planes(ctx, img)
	if err != nil {
		return nil, err
	}
	m := newRGB(h.width, h.height)
	bands(ctx, m.Height, m.Width, func(lo, hi int) {
		var c [4][]uint8 // a line of each component
		for i, p := range all {
			c[i] = make([]uint8, p.grid.columns*p.grid.stepX)
		}
		for y := lo; y < hi; y++ {
			for i, p := range all {
				near, far := p.grid.rows(y)
				p.grid.interpolate(c[i], p.pix[near:], p.pix[far:], y)
			}
			h.line(m.row(y), c)
		}
	})
	return m, nil
}

// line converts a line of components to RGB.
func (h *jpegHeader) line(row []uint8, c [4][]uint8) {
	n := len(row) / 3
	switch {
	case h.rgb:
		for x := range n {
			row[3*x], row[3*x+1], row[3*x+2] = c[0][x], c[1][x], c[2][x]
		}
		return
	case len(h.components) == 3 || h.ycck:
		kernels.RGB(row, c[0], c[1], c[2], kernels.Auto)
		if !h.ycck {
			return
		}
		for x := range n {
			// YCCK holds inverted inks, and Pillow inverts all that a file stores.
			p := [4]uint8{row[3*x], row[3*x+1], row[3*x+2], ^c[3][x]}
			fromCMYK(p[:], row[3*x:3*x+3])
		}
		return
	}
	var mask uint8
	if h.inverted {
		mask = 0xff
	}
	for x := range n {
		p := [4]uint8{c[0][x] ^ mask, c[1][x] ^ mask, c[2][x] ^ mask, c[3][x] ^ mask}
		fromCMYK(p[:], row[3*x:3*x+3])
	}
}
