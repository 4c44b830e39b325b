package imageproc

import (
	"context"
	"fmt"
	"image"
)

// ResizeGrey stretches m to width x height pixels as Pillow's resize of an "L"
// picture does by default: bicubic, antialiased, bit for bit. It fails where a side
// is below 1 or there would be more than maxPixels (0 means [DefaultMaxPixels]), and when
// ctx ends.
func ResizeGrey(ctx context.Context, m *image.Gray, width, height, maxPixels int) (*image.Gray, error) {
	if err := checkSize(width, height, maxPixels); err != nil {
		return nil, err
	}
	in := m.Bounds()
	if in.Empty() {
		return nil, fmt.Errorf("no picture: %d x %d pixels", in.Dx(), in.Dy())
	}
	if err := checkPlanes(m); err != nil {
		return nil, err
	}
	a := bicubic()
	columns := windows(in.Dx(), width, a.kernel, a.weight)
	lines := windows(in.Dy(), height, a.kernel, a.weight)
	wide := make([]uint8, width*in.Dy()) // [width, source height]
	bands(ctx, in.Dy(), width, func(lo, hi int) {
		for y := lo; y < hi; y++ {
			src, dst := m.Pix[y*m.Stride:], wide[y*width:][:width]
			for x, w := range columns {
				sum := a.start
				for i, k := range w.weights {
					sum += int32(src[w.first+i]) * k
				}
				dst[x] = uint8(a.finish(sum))
			}
		}
	})
	out := image.NewGray(image.Rect(0, 0, width, height)) // [width, height]
	bands(ctx, height, width, func(lo, hi int) {
		sums := make([]int32, width)
		for y := lo; y < hi; y++ {
			for x := range sums {
				sums[x] = a.start
			}
			for i, k := range lines[y].weights {
				for x, v := range wide[(lines[y].first+i)*width:][:width] {
					sums[x] += int32(v) * k
				}
			}
			dst := out.Pix[y*out.Stride:]
			for x, sum := range sums {
				dst[x] = uint8(a.finish(sum))
			}
		}
	})
	return out, context.Cause(ctx)
}
