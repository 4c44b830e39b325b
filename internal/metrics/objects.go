package metrics

import (
	"cmp"
	"image"
	"slices"
)

// Found is the IoU from which on an object counts as found.
const Found = 0.5

// A Box is x0, y0, x1, y1, in any unit.
type Box [4]float64

// Area is 0 for a box without one.
func (b Box) Area() float64 { return max(0, b[2]-b[0]) * max(0, b[3]-b[1]) }

// IoU is the area that two boxes share over the area they cover together; 0 if
// they have none.
func (b Box) IoU(c Box) float64 {
	shared := Box{max(b[0], c[0]), max(b[1], c[1]), min(b[2], c[2]), min(b[3], c[3])}.Area()
	if shared == 0 {
		return 0
	}
	return shared / (b.Area() + c.Area() - shared)
}

// A Thing is a box with a label.
type Thing struct {
	Label string
	Box   Box
}

// Match pairs what was found with what is there: of all pairs of one label that
// overlap, the best first, each thing once; ties go to the earlier one. It
// returns, for each true thing, its IoU and which was found, or 0 and -1.
func Match(found, truth []Thing) (ious []float64, partner []int) {
	type pair struct {
		iou          float64
		found, truth int
	}
	var pairs []pair
	for i, f := range found {
		for j, t := range truth {
			if v := f.Box.IoU(t.Box); f.Label == t.Label && v > 0 {
				pairs = append(pairs, pair{v, i, j})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.iou, a.iou) })
	ious, partner = make([]float64, len(truth)), slices.Repeat([]int{-1}, len(truth))
	used := make([]bool, len(found))
	for _, p := range pairs {
		if !used[p.found] && partner[p.truth] < 0 {
			ious[p.truth], partner[p.truth], used[p.found] = p.iou, p.found, true
		}
	}
	return ious, partner
}

// F1 is the harmonic mean of precision and recall: twice those right over all
// that were found and all that are there; 1 if there is nothing, and nothing
// was found.
func F1(right, found, truth int) float64 {
	if found+truth == 0 {
		return 1
	}
	return 2 * float64(right) / float64(found+truth)
}

// inside is the opacity from which on a pixel belongs to a mask.
const inside = 128

// MaskIoU is the number of pixels that two masks share over those that they
// cover together; 0 if they cover none. Nothing outside a mask's bounds
// belongs to it.
func MaskIoU(a, b *image.Alpha) float64 {
	shared, all := 0, covered(a)+covered(b)
	both := a.Rect.Intersect(b.Rect)
	for y := both.Min.Y; y < both.Max.Y; y++ {
		for x := both.Min.X; x < both.Max.X; x++ {
			if a.AlphaAt(x, y).A >= inside && b.AlphaAt(x, y).A >= inside {
				shared++
			}
		}
	}
	if shared == 0 {
		return 0
	}
	return float64(shared) / float64(all-shared)
}

func covered(m *image.Alpha) int {
	n := 0
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			if m.AlphaAt(x, y).A >= inside {
				n++
			}
		}
	}
	return n
}
