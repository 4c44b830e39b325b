package overlay

import (
	"context"
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// bandHeight bounds the rasterizer's memory: it takes four bytes a pixel, as much
// as the picture.
const bandHeight = 256

// stroke draws closed polygons of short sides with a line of a width in pixels and
// round joints. The error is ctx's cause.
func stroke(ctx context.Context, dst draw.Image, polygons [][]point, width float32, c color.RGBA) error {
	area := extent(polygons).Inset(-int(math.Ceil(float64(width)))).Intersect(dst.Bounds())
	for y := area.Min.Y; y < area.Max.Y; y += bandHeight {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		band := image.Rect(area.Min.X, y, area.Max.X, min(y+bandHeight, area.Max.Y))
		p := newPen(band, width)
		for _, polygon := range polygons {
			for i, a := range polygon {
				p.side(a, polygon[(i+1)%len(polygon)])
			}
		}
		p.Draw(dst, band, image.NewUniform(c), image.Point{})
	}
	return nil
}

// extent returns the smallest rectangle around polygons.
func extent(polygons [][]point) image.Rectangle {
	var r image.Rectangle
	for _, polygon := range polygons {
		for _, p := range polygon {
			r = r.Union(image.Rect(int(p.x), int(p.y), int(p.x)+1, int(p.y)+1))
		}
	}
	return r
}

// A pen draws in a band of a picture. All its polygons run counterclockwise, so
// that overlapping ones add up and never cancel each other.
type pen struct {
	*vector.Rasterizer
	band   image.Rectangle
	radius float32  // half the line's width, in pixels
	round  [8]point // a joint, around (0, 0)
}

// newPen returns a pen for lines of a width in pixels.
func newPen(band image.Rectangle, width float32) *pen {
	p := &pen{vector.NewRasterizer(band.Dx(), band.Dy()), band, width / 2, [8]point{}}
	for i := range p.round {
		sin, cos := math.Sincos(-2 * math.Pi * float64(i) / float64(len(p.round)))
		p.round[i] = point{p.radius * float32(cos), p.radius * float32(sin)}
	}
	return p
}

// side draws a line from a to b and the joint at a.
func (p *pen) side(a, b point) {
	if max(a.y, b.y)+p.radius < float32(p.band.Min.Y) || min(a.y, b.y)-p.radius > float32(p.band.Max.Y) {
		return
	}
	joint := p.round
	for i := range joint {
		joint[i] = point{a.x + joint[i].x, a.y + joint[i].y}
	}
	p.polygon(joint[:]...)
	dx, dy := b.x-a.x, b.y-a.y
	length := float32(math.Hypot(float64(dx), float64(dy)))
	if length == 0 {
		return
	}
	nx, ny := -dy*p.radius/length, dx*p.radius/length
	p.polygon(point{a.x + nx, a.y + ny}, point{b.x + nx, b.y + ny}, point{b.x - nx, b.y - ny}, point{a.x - nx, a.y - ny})
}

// polygon draws a polygon.
func (p *pen) polygon(points ...point) {
	x, y := float32(p.band.Min.X), float32(p.band.Min.Y)
	p.MoveTo(points[0].x-x, points[0].y-y)
	for _, q := range points[1:] {
		p.LineTo(q.x-x, q.y-y)
	}
	p.ClosePath()
}
