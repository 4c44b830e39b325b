package paligemma

import (
	"math"
	"slices"

	"github.com/pgcli/paligemma/internal/locseg"
)

// spread is a Token's Spread, given the logits of the tokens that were allowed.
func (m *Model) spread(logits []float32, among []Range, id int32) float32 {
	ids, err := m.locseg()
	if err != nil { // the vocabulary has no loc
		return 0
	}
	if _, isLoc := ids.LocOf(id); !isLoc {
		return 0
	}
	return meanDistance(logits, among, Range{ids.Loc, ids.Loc + locseg.Locs}, id)
}

// meanDistance is how far an id is, on average, from those of a range, drawn by the
// softmax of their logits. id is in the range and in among, by which the logits
// are ordered.
func meanDistance(logits []float32, among []Range, of Range, id int32) float32 {
	var seen []float32
	var far []int32
	for _, r := range among {
		for x := max(r.First, of.First); x < min(r.Last, of.Last); x++ {
			seen = append(seen, logits[x-r.First])
			far = append(far, max(x-id, id-x))
		}
		logits = logits[r.Last-r.First:]
	}
	top := slices.Max(seen)
	var mass, sum float64
	for i, v := range seen {
		p := math.Exp(float64(v - top))
		mass += p
		sum += p * float64(far[i])
	}
	return float32(sum / mass)
}

// score rates a box by the tokens of its corners y0, x0, y1, x1, see
// Model.Objects. An edge that is off by a part of the box's side costs about as
// much of the overlap.
func score(corners []Token, loc [4]int) float32 {
	if len(corners) != len(loc) { // not loc tokens, but text that reads like them
		return 0
	}
	sum := 0.0
	for i, t := range corners {
		sum += float64(t.Spread) / float64(loc[i|2]-loc[i&1])
	}
	return float32(math.Exp(-sum))
}
