package overlay

import (
	"context"
	"image"
)

// A Detection is an object in COCO's results format; a file holds an array of them
// (https://cocodataset.org/#format-results).
type Detection struct {
	ImageID      any        `json:"image_id"` // a number or a name
	CategoryID   int        `json:"category_id"`
	CategoryName string     `json:"category_name"` // not in the format, which keeps names in another file
	BBox         [4]float64 `json:"bbox"`          // x, y, width, height in pixels
	Score        float32    `json:"score"`
	Segmentation *RLE       `json:"segmentation,omitempty"`
}

// An RLE is a mask as large as its picture, in COCO's compressed form.
type RLE struct {
	Size   [2]int `json:"size"` // height, width in pixels
	Counts string `json:"counts"`
}

// EncodeMask encodes a mask as cocoapi's maskApi.c does, for a picture of a size in
// pixels. Parts outside the picture are cut off; a nil mask gives nil. The error is ctx's
// cause: a large picture takes seconds.
func EncodeMask(ctx context.Context, mask *image.Alpha, size image.Point) (*RLE, error) {
	if mask == nil {
		return nil, nil
	}
	lengths, err := runs(ctx, mask, size)
	if err != nil {
		return nil, err
	}
	return &RLE{[2]int{size.Y, size.X}, compress(lengths)}, nil
}

// runs returns the lengths of the runs of clear and opaque pixels in turn, clear
// first, down the columns from the left.
func runs(ctx context.Context, mask *image.Alpha, size image.Point) ([]int, error) {
	pace := pace{ctx: ctx}
	r := mask.Rect.Intersect(image.Rectangle{Max: size})
	var all []int
	covered, from := false, 0
	for x := r.Min.X; x < r.Max.X; x++ {
		for y := 0; y < size.Y; y++ {
			if err := pace.step(); err != nil {
				return nil, err
			}
			if now := y >= r.Min.Y && y < r.Max.Y && mask.AlphaAt(x, y).A >= opaque; now != covered {
				at := x*size.Y + y
				all = append(all, at-from)
				covered, from = now, at
			}
		}
	}
	if covered && r.Max.X < size.X { // down to the last row of the mask
		all = append(all, r.Max.X*size.Y-from)
		from = r.Max.X * size.Y
	}
	return append(all, size.X*size.Y-from), nil
}

// compress writes the first three runs, and from the fourth on the difference from
// the last but one, in groups of five bits, the lowest first. Bit 5 says that more
// groups follow, bit 4 of the last group is the sign; adding 48 makes characters.
func compress(runs []int) string {
	var s []byte
	for i, v := range runs {
		if i > 2 {
			v -= runs[i-2]
		}
		for more := true; more; {
			c := v & 0x1f
			v >>= 5
			if c&0x10 != 0 {
				more = v != -1
			} else {
				more = v != 0
			}
			if more {
				c |= 0x20
			}
			s = append(s, byte(c+48))
		}
	}
	return string(s)
}
