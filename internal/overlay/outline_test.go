package overlay

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"
)

// TestOutlinesFollowTheContours: each point of an exact outline is within the tolerance
// of the simpler one, whose points are all points of the exact one.
func TestOutlinesFollowTheContours(t *testing.T) {
	points, exactPoints := 0, 0
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		mask := image.NewAlpha(image.Rect(3, 5, 3+1+r.IntN(60), 5+1+r.IntN(60)))
		x, y, size := r.Float64()*60, r.Float64()*60, 5+r.Float64()*25
		for i := range mask.Pix {
			dx, dy := float64(i%mask.Stride)-x, float64(i/mask.Stride)-y
			mask.Pix[i] = uint8(min(max(128+10*(size-math.Hypot(dx, dy)), 0), 255))
			if seed%5 == 0 {
				mask.Pix[i] = uint8(r.Uint32())
			}
		}
		exact := outlinesOf(t, mask)
		simple, err := Outlines(t.Context(), mask)
		if err != nil {
			t.Fatal(err)
		}
		if len(exact) != len(simple) {
			t.Fatalf("seed %d: %d outlines, want %d", seed, len(simple), len(exact))
		}
		for i, polygon := range simple {
			of := map[point]bool{}
			for _, p := range exact[i] {
				of[p] = true
				least := math.Inf(1)
				for j, a := range polygon {
					b := polygon[(j+1)%len(polygon)]
					least = min(least, offLine(p, point{a[0], a[1]}, point{b[0], b[1]}))
				}
				if least > outlineTolerance+1e-5 {
					t.Errorf("seed %d: point %v is %v off the outline", seed, p, least)
				}
			}
			for _, a := range polygon {
				if !of[point{a[0], a[1]}] {
					t.Errorf("seed %d: point %v is none of the contour's", seed, a)
				}
			}
			points, exactPoints = points+len(polygon), exactPoints+len(exact[i])
		}
	}
	if points > exactPoints*3/4 || points == 0 {
		t.Errorf("%d points are left of %d", points, exactPoints)
	}
}
