package overlay

import (
	"context"
	"errors"
	"fmt"
	"image"
)

// maxDecoded bounds the pixels of a picture whose mask is decoded.
const maxDecoded = 1 << 28

// maxRuns bounds the runs of a mask: its outline takes some 200 bytes for each. Masks of models
// are of 64 x 64 values, stretched, and have a few runs in each column of a picture.
const maxRuns = 1 << 18

// Decode returns a mask whose pixels are all clear or opaque; its bounds are the
// least rectangle around the opaque ones. It is nil for a nil RLE, and for one without
// opaque pixels. An error says what is wrong with the runs, or is ctx's cause: a large mask
// takes a second.
func (m *RLE) Decode(ctx context.Context) (*image.Alpha, error) {
	if m == nil {
		return nil, nil
	}
	all, err := m.runs()
	if err != nil {
		return nil, err
	}
	h := m.Size[0]
	var bounds image.Rectangle
	err = columns(ctx, all, h, func(x, y0, y1 int) { bounds = bounds.Union(image.Rect(x, y0, x+1, y1)) })
	if err != nil {
		return nil, err
	}
	if bounds.Empty() {
		return nil, nil
	}
	mask := image.NewAlpha(bounds)
	err = columns(ctx, all, h, func(x, y0, y1 int) {
		for y := y0; y < y1; y++ {
			mask.Pix[mask.PixOffset(x, y)] = 0xff
		}
	})
	return mask, err
}

// Area returns the number of opaque pixels.
func (m *RLE) Area() (int, error) {
	all, err := m.runs()
	area := 0
	for i := 1; i < len(all); i += 2 {
		area += all[i]
	}
	return area, err
}

// columnsPace is how many pixels are passed between two looks at a context.
const columnsPace = 1 << 20

// columns calls f for the parts of opaque runs in each column, of h pixels.
func columns(ctx context.Context, runs []int, h int, f func(x, y0, y1 int)) error {
	at, look := 0, 0
	for i, n := range runs {
		if i%2 == 1 {
			for from, end := at, at+n; from < end; {
				if from >= look {
					look = from + columnsPace
					if err := context.Cause(ctx); err != nil {
						return err
					}
				}
				to := min(end, (from/h+1)*h)
				f(from/h, from%h, to-from/h*h)
				from = to
			}
		}
		at += n
	}
	return nil
}

// runs is the inverse of compress. The sum of the runs is the number of pixels.
func (m *RLE) runs() ([]int, error) {
	h, w := m.Size[0], m.Size[1]
	if h < 1 || w < 1 || w > maxDecoded/h {
		return nil, fmt.Errorf("mask of %d x %d pixels, want 1 to %d", w, h, maxDecoded)
	}
	var all []int
	sum := 0
	for i := 0; i < len(m.Counts); {
		v, shift := 0, 0
		for more := true; more; i++ {
			if i == len(m.Counts) || m.Counts[i] < 48 || m.Counts[i] > 48+63 || shift > 30 {
				return nil, fmt.Errorf("mask with broken counts at byte %d of %d", i, len(m.Counts))
			}
			c := int(m.Counts[i] - 48)
			v |= c & 0x1f << shift
			shift += 5
			if more = c&0x20 != 0; !more && c&0x10 != 0 {
				v |= -1 << shift
			}
		}
		if n := len(all); n > 2 {
			v += all[n-2]
		}
		sum += v
		if v < 0 || sum > w*h {
			return nil, fmt.Errorf("mask with counts that leave its %d x %d pixels", w, h)
		}
		if all = append(all, v); len(all) > maxRuns {
			return nil, fmt.Errorf("mask with more than %d runs", maxRuns)
		}
	}
	if sum != w*h {
		return nil, errors.New("mask with counts that end before its last pixel")
	}
	return all, nil
}
