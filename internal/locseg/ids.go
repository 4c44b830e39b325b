package locseg

import "fmt"

// The number of pieces of each kind. Their ids are consecutive.
const (
	Locs = 1024 // <loc0000> to <loc1023>, coordinates
	Segs = 128  // <seg000> to <seg127>, codes of masks
)

// IDs are the ids of PaliGemma's own pieces in a vocabulary: <loc0000> has id
// Loc, <loc0001> Loc+1 and so on; <seg000> has id Seg.
type IDs struct{ Loc, Seg int32 }

// FindIDs finds the pieces by name: id is a tokenizer's exact look-up. The error
// names the first piece that is missing or does not follow the one before it.
func FindIDs(id func(piece string) (int32, bool)) (IDs, error) {
	loc, err := find(id, "<loc%04d>", Locs)
	if err != nil {
		return IDs{}, err
	}
	seg, err := find(id, "<seg%03d>", Segs)
	return IDs{loc, seg}, err
}

// find returns the id of the first of n pieces with consecutive ids.
func find(id func(string) (int32, bool), format string, n int) (first int32, err error) {
	for i := range n {
		piece := fmt.Sprintf(format, i)
		got, ok := id(piece)
		switch {
		case !ok:
			return 0, fmt.Errorf("the vocabulary has no piece %s", piece)
		case i == 0:
			first = got
		case got != first+int32(i):
			return 0, fmt.Errorf("piece %s has id %d, want %d: right after the one before it", piece, got, first+int32(i))
		}
	}
	return first, nil
}

// LocOf returns the coordinate that an id stands for, 0 to Locs-1.
func (x IDs) LocOf(id int32) (int, bool) { return within(id-x.Loc, Locs) }

// SegOf returns the code that an id stands for, 0 to Segs-1.
func (x IDs) SegOf(id int32) (int, bool) { return within(id-x.Seg, Segs) }

func within(i int32, n int) (int, bool) {
	if i < 0 || int(i) >= n {
		return 0, false
	}
	return int(i), true
}
