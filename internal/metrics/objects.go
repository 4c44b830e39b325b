package metrics

import (
	"cmp"
	"image"
	"slices"
)

// Found is the least IoU with which an object counts as found.
const Found = 0.5

// A Box is x0, y0, x1, y1, in any unit.
type Box [4]float64

// Area returns the area, 0 if the corners are reversed.
func (b Box) Area() float64 { return max(0, b[2]-b[0]) * max(0, b[3]-b[1]) }

// IoU returns the intersection of two boxes over their union, 0 if they share no
// area.
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

// Match pairs the things found with the things that are there. It takes the pairs
// that share a label and overlap by falling IoU, each thing once; equal pairs go
// by the order in found, then in truth. It returns, for each thing in truth, its
// IoU and the index of its partner in found, or 0 and -1.
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

// F1 returns the harmonic mean of precision and recall: 2 right / (found + truth),
// where right counts the things found that are there, found all that were found
// and truth all that are there. It is 1 if both found and truth are 0.
func F1(right, found, truth int) float64 {
	if found+truth == 0 {
		return 1
	}
	return 2 * float64(right) / float64(found+truth)
}

// inside is the least opacity with which a pixel belongs to a mask.
const inside = 128

// MaskIoU returns the number of pixels in both masks over the number in either, 0
// if they share none. A pixel outside a mask's bounds does not belong to it.
func MaskIoU(a, b *image.Alpha) float64 {
	shared, all := 0, covered(a)+covered(b)
	both := a.Rect.Intersect(b.Rect)
	for y := both.Min.Y; y < both.Max.Y; y++ {
		other := row(b, both, y)
		for x, v := range row(a, both, y) {
			if v >= inside && other[x] >= inside {
				shared++
			}
		}
	}
	if shared == 0 {
		return 0
	}
	return float64(shared) / float64(all-shared)
}

// covered returns the number of pixels in a mask.
func covered(m *image.Alpha) int {
	n := 0
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for _, v := range row(m, m.Rect, y) {
			if v >= inside {
				n++
			}
		}
	}
	return n
}

// row returns the row y of the part r of a mask, which is not empty.
func row(m *image.Alpha, r image.Rectangle, y int) []uint8 {
	at := m.PixOffset(r.Min.X, y)
	return m.Pix[at : at+r.Dx()]
}
