package export

import (
	"context"

	"github.com/pgcli/paligemma/internal/overlay"
)

// A ring is a closed polygon of points x, y in pixels.
type ring [][2]float32

// mostNear is how many points the outlines of a mask may have to be joined where they are nearest,
// for which all points are compared with all others. Only ragged masks have more.
const mostNear = 1 << 13

// outline returns the outlines of a mask joined to one polygon: from the nearest point
// to the next outline, around it, and back; of more than mostNear points from the first
// one, however far. A renderer fills the same pixels as with
// separate outlines, by the even-odd rule as by the winding rule. The polygon is nil
// without a mask, and if the mask covers nothing.
func (o Object) outline(ctx context.Context) (ring, error) {
	mask, err := o.RLE.Decode(ctx)
	if err != nil {
		return nil, err
	}
	all, err := overlay.Outlines(ctx, mask)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, nil
	}
	points := 0
	for _, r := range all {
		points += len(r)
	}
	joined := ring(all[0])
	for _, next := range all[1:] {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if points > mostNear {
			joined = append(append(append(joined, all[0][0]), next...), next[0])
		} else {
			joined = join(joined, next)
		}
	}
	return joined, nil
}

// join inserts polygon b into a where the two are nearest.
func join(a, b ring) ring {
	atA, atB, least := 0, 0, float32(-1)
	for i, p := range a {
		for j, q := range b {
			dx, dy := p[0]-q[0], p[1]-q[1]
			if d := dx*dx + dy*dy; least < 0 || d < least {
				atA, atB, least = i, j, d
			}
		}
	}
	joined := append(ring{}, a[:atA+1]...)
	joined = append(joined, b[atB:]...)
	joined = append(joined, b[:atB+1]...)
	return append(joined, a[atA:]...)
}
