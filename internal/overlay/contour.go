package overlay

import (
	"context"
	"image"
)

// opaque is the least alpha inside a mask, as in Object.Mask.
const opaque = 128

// A point is a place in a picture, in pixels from its upper left corner.
type point struct{ x, y float32 }

// contours returns the outlines of a mask as closed polygons; holes run the other
// way round. Alpha is sampled at the pixels' centres and linear between them
// (marching squares). Outside the mask it is 0, so that no outline leaves it. The error is
// ctx's cause.
func contours(ctx context.Context, mask *image.Alpha) ([][]point, error) {
	if mask == nil || mask.Rect.Empty() {
		return nil, nil
	}
	pace := &pace{ctx: ctx}
	next, order, err := edges(pace, mask)
	if err != nil {
		return nil, err
	}
	var all [][]point
	for _, start := range order {
		var polygon []point
		for e := start; ; {
			if err := pace.step(); err != nil {
				return nil, err
			}
			following, ok := next[e]
			if !ok { // back at the start, or the polygon was found before
				break
			}
			polygon = append(polygon, e.crossing(mask))
			delete(next, e)
			e = following
		}
		if polygon != nil {
			all = append(all, polygon)
		}
	}
	return all, nil
}

// An edge joins the centre of pixel (x, y) to the centre of its right neighbour,
// or of the one below it.
type edge struct {
	x, y int
	down bool
}

// crossing returns the point on an edge where alpha crosses the threshold.
func (e edge) crossing(mask *image.Alpha) point {
	p := point{float32(e.x) + 0.5, float32(e.y) + 0.5}
	a := float32(mask.AlphaAt(e.x, e.y).A)
	if e.down {
		p.y += (opaque - 0.5 - a) / (float32(mask.AlphaAt(e.x, e.y+1).A) - a)
	} else {
		p.x += (opaque - 0.5 - a) / (float32(mask.AlphaAt(e.x+1, e.y).A) - a)
	}
	return p
}

// edges returns, for each edge that an outline crosses, the edge that it crosses
// next; order lists the edges from the top. A cell is the square between four
// centres; two opaque centres that lie diagonally are kept apart.
func edges(pace *pace, mask *image.Alpha) (next map[edge]edge, order []edge, err error) {
	next = map[edge]edge{}
	r := mask.Rect
	for y := r.Min.Y - 1; y < r.Max.Y; y++ {
		a, c := false, false // the cell's left side: above, below
		for x := r.Min.X - 1; x < r.Max.X; x++ {
			if err := pace.step(); err != nil {
				return nil, nil, err
			}
			b, d := mask.AlphaAt(x+1, y).A >= opaque, mask.AlphaAt(x+1, y+1).A >= opaque
			top, left := edge{x, y, false}, edge{x, y, true}
			bottom, right := edge{x, y + 1, false}, edge{x + 1, y, true}
			// Once around the cell, clockwise. An outline enters the cell where
			// opaque turns clear, and leaves it at the turn before.
			turns := [4]struct {
				edge
				from, to bool
			}{{top, a, b}, {right, b, d}, {bottom, d, c}, {left, c, a}}
			for i, enter := range turns {
				if !enter.from || enter.to {
					continue
				}
				for j := i + 3; ; j-- {
					if leave := turns[j%4]; !leave.from && leave.to {
						next[enter.edge] = leave.edge
						order = append(order, enter.edge)
						break
					}
				}
			}
			a, c = b, d
		}
	}
	return next, order, nil
}
