package imageproc

import (
	"fmt"
	"image"

	"github.com/pgcli/paligemma/kernels"
)

// fromYCbCr fills lines lo to hi-1 of m from a JPEG's planes as libjpeg-turbo does: chroma
// is interpolated between the centres of its cells ("fancy upsampling").
func fromYCbCr(m *RGB, s *image.YCbCr, lo, hi int) {
	cells := newChromaGrid(s)
	width := cells.columns * cells.stepX
	cb, cr := make([]uint8, width), make([]uint8, width)
	for i := lo; i < hi; i++ {
		y := s.Rect.Min.Y + i
		near, far := cells.rows(y)
		cells.interpolate(cb, s.Cb[near:], s.Cb[far:], y)
		cells.interpolate(cr, s.Cr[near:], s.Cr[far:], y)
		skip := s.Rect.Min.X % cells.stepX // a sub-image may start inside a cell
		kernels.RGB(m.row(i), s.Y[i*s.YStride:], cb[skip:], cr[skip:], kernels.Auto)
	}
}

// clip8 limits v to a byte.
func clip8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

// A chromaGrid locates the chroma cells of an image; each covers stepX x stepY pixels.
type chromaGrid struct {
	stepX, stepY  int
	columns       int // cells in a row, those cut by the image's edges included
	firstY, lastY int // rows of cells the image touches
	stride        int // bytes from one row of cells to the next
}

// newChromaGrid returns the grid of an image, whose coordinates must not be negative.
func newChromaGrid(s *image.YCbCr) chromaGrid {
	g := chromaGrid{stepX: 1, stepY: 1, stride: s.CStride}
	switch s.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		g.stepX = 2
	case image.YCbCrSubsampleRatio420:
		g.stepX, g.stepY = 2, 2
	case image.YCbCrSubsampleRatio440:
		g.stepY = 2
	case image.YCbCrSubsampleRatio411:
		g.stepX = 4
	case image.YCbCrSubsampleRatio410:
		g.stepX, g.stepY = 4, 2
	}
	g.columns = (s.Rect.Max.X-1)/g.stepX - s.Rect.Min.X/g.stepX + 1
	g.firstY, g.lastY = s.Rect.Min.Y/g.stepY, (s.Rect.Max.Y-1)/g.stepY
	return g
}

// rows returns the offsets of the row of cells that line y crosses and of the next nearest
// row: the one above for the upper half of a cell, the one below for the lower half. The
// edge rows repeat.
func (g *chromaGrid) rows(y int) (near, far int) {
	n := y / g.stepY
	f := n
	if g.stepY == 2 {
		f = min(max(n-1+2*(y%2), g.firstY), g.lastY)
	}
	return (n - g.firstY) * g.stride, (f - g.firstY) * g.stride
}

// interpolate spreads one row of cells over the pixels of line y. The two nearest cells
// weigh 3 and 1 in each subsampled direction. Like libjpeg-turbo, it repeats cells instead
// of interpolating if they are larger than two pixels or a row has at most two.
func (g *chromaGrid) interpolate(dst, near, far []uint8, y int) {
	near, far = near[:g.columns], far[:g.columns]
	odd := y % 2
	switch {
	case g.stepX == 1 && g.stepY != 2:
		copy(dst, near)
	case g.stepX == 1:
		for x := range dst {
			dst[x] = uint8((3*int(near[x]) + int(far[x]) + 1 + odd) >> 2)
		}
	case g.stepX > 2 || g.stepY > 2 || g.columns <= 2:
		for x := range dst {
			dst[x] = near[x/g.stepX]
		}
	case g.stepY == 1:
		for c, v := range near {
			left, right := near[max(c-1, 0)], near[min(c+1, g.columns-1)]
			dst[2*c] = uint8((3*int(v) + int(left) + 1) >> 2)
			dst[2*c+1] = uint8((3*int(v) + int(right) + 2) >> 2)
		}
	default:
		kernels.Upsample(dst, near, far, kernels.Auto)
	}
}

// checkYCbCr returns an error for planes too short for the image's bounds.
func checkYCbCr(s *image.YCbCr) error {
	if err := holds("YCbCr", s.Rect, len(s.Y), s.YStride, 1); err != nil {
		return err
	}
	if s.Rect.Min.X < 0 || s.Rect.Min.Y < 0 {
		return nil // read through At
	}
	g := newChromaGrid(s)
	cells := image.Rect(0, 0, g.columns, g.lastY-g.firstY+1)
	if len(s.Cb) != len(s.Cr) {
		return fmt.Errorf("malformed image.YCbCr: %d bytes of Cb, %d of Cr; expected as many", len(s.Cb), len(s.Cr))
	}
	return holds("YCbCr chroma", cells, len(s.Cb), s.CStride, 1)
}
