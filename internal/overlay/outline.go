package overlay

import (
	"context"
	"image"
	"math"
)

// outlineTolerance is how far an outline may be off the exact one, in pixels.
const outlineTolerance = 0.5

// Outlines returns the outlines of a mask as closed polygons of points x, y in
// pixels. Holes run the other way round. An outline is at most half a pixel off the
// exact one. The error is ctx's cause: a large mask takes seconds, and one of noise longer.
func Outlines(ctx context.Context, mask *image.Alpha) (all [][][2]float32, err error) {
	outlines, err := contours(ctx, mask)
	if err != nil {
		return nil, err
	}
	pace := &pace{ctx: ctx}
	for _, exact := range outlines {
		simple, err := simplify(pace, exact)
		if err != nil {
			return nil, err
		}
		var polygon [][2]float32
		for _, p := range simple {
			polygon = append(polygon, [2]float32{p.x, p.y})
		}
		all = append(all, polygon)
	}
	return all, nil
}

// simplify leaves points of a closed polygon out. It halves the polygon at the point
// that is farthest from its first, and simplifies both lines.
func simplify(pace *pace, polygon []point) ([]point, error) {
	far := 0
	for i, p := range polygon {
		if distance(p, polygon[0]) > distance(polygon[far], polygon[0]) {
			far = i
		}
	}
	if far == 0 {
		return polygon, nil
	}
	first, err := simplifyLine(pace, polygon[:far+1])
	if err != nil {
		return nil, err
	}
	second, err := simplifyLine(pace, append(polygon[far:len(polygon):len(polygon)], polygon[0]))
	if err != nil {
		return nil, err
	}
	return append(first[:len(first)-1], second[:len(second)-1]...), nil
}

// simplifyLine keeps both ends of a line, and the points between that are farther than
// the tolerance from the line through those that are kept (Ramer 1972, Douglas and
// Peucker 1973).
func simplifyLine(pace *pace, line []point) (kept []point, err error) {
	keep := make([]bool, len(line))
	keep[0], keep[len(line)-1] = true, true
	for parts := [][2]int{{0, len(line) - 1}}; len(parts) > 0; {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		far, most := 0, float64(outlineTolerance)
		for i := part[0] + 1; i < part[1]; i++ {
			if err := pace.step(); err != nil {
				return nil, err
			}
			if d := offLine(line[i], line[part[0]], line[part[1]]); d > most {
				far, most = i, d
			}
		}
		if far > 0 {
			keep[far] = true
			parts = append(parts, [2]int{part[0], far}, [2]int{far, part[1]})
		}
	}
	for i, p := range line {
		if keep[i] {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// offLine returns the distance of p from the segment from a to b.
func offLine(p, a, b point) float64 {
	dx, dy := float64(b.x-a.x), float64(b.y-a.y)
	length := dx*dx + dy*dy
	if length == 0 {
		return distance(p, a)
	}
	t := (float64(p.x-a.x)*dx + float64(p.y-a.y)*dy) / length
	t = min(max(t, 0), 1)
	return distance(p, point{a.x + float32(t*dx), a.y + float32(t*dy)})
}

func distance(a, b point) float64 { return math.Hypot(float64(a.x-b.x), float64(a.y-b.y)) }
