package merge

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"path/filepath"
	"slices"
)

// order returns the numbers of places in the order of the input, without those of pictures
// that a list does not name. Answers about one picture stay in the order of their file.
func (s *Set) order(ctx context.Context, list iter.Seq2[string, error], missing func(Missing) error) ([]int32, error) {
	if list != nil {
		if err := s.enter(ctx, list, missing); err != nil {
			return nil, err
		}
	}
	all := make([]int32, 0, s.places.Len())
	for n, p := range s.places.All() {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if list == nil || s.pictures.At(int(p.picture)).entry >= 0 {
			all = append(all, int32(n))
		}
	}
	slices.SortFunc(all, func(a, b int32) int {
		x, y := s.places.At(int(a)).picture, s.places.At(int(b)).picture
		if x == y {
			return cmp.Compare(a, b)
		}
		return cmp.Or(cmp.Compare(s.pictures.At(int(x)).entry, s.pictures.At(int(y)).entry), s.compare(x, y))
	})
	if list != nil {
		return all, nil
	}
	last := int32(-1)
	for _, n := range all {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if p := s.places.At(int(n)).picture; p != last {
			last = p
			if err := s.missing(p, missing); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// enter notes the entries of pictures in a list.
func (s *Set) enter(ctx context.Context, list iter.Seq2[string, error], missing func(Missing) error) error {
	entry := int32(0)
	for name, err := range list {
		if err := cmp.Or(context.Cause(ctx), err); err != nil {
			return err
		}
		n, fresh := s.picture(name)
		p := s.pictures.At(int(n))
		if p.entry >= 0 { // named before
			continue
		}
		p.entry = entry
		entry++
		if fresh {
			err = missing(Missing{Image: name})
		} else {
			err = s.missing(n, missing)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// missing calls do for the prompts that a picture was not asked, and others were.
func (s *Set) missing(picture int32, do func(Missing) error) error {
	for n, prompt := range s.prompts {
		if s.find(picture, int32(n)) == nil {
			if err := do(Missing{string(s.name(picture)), prompt}); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare puts pictures into the order of a folder that is walked: name by name along
// the paths. Frames go by their time, rows by their number.
func (s *Set) compare(a, b int32) int {
	x, inX, _ := bytes.Cut(s.name(a), []byte("#"))
	y, inY, _ := bytes.Cut(s.name(b), []byte("#"))
	if bytes.Equal(x, y) && len(inX) > 0 && len(inY) > 0 {
		return cmp.Or(cmp.Compare(s.pictures.At(int(a)).time, s.pictures.At(int(b)).time), compareNatural(inX, inY), cmp.Compare(a, b))
	}
	return cmp.Or(comparePaths(s.name(a), s.name(b)), cmp.Compare(a, b))
}

// compareNatural compares members' names so that numbers of fewer digits come first.
func compareNatural(a, b []byte) int {
	zeros := func(name []byte) int {
		return max(0, 20-(len(name)-len(bytes.TrimLeft(name, "0123456789"))))
	}
	atA, atB := -zeros(a), -zeros(b) // before the names are zeros
	for ; atA < len(a) && atB < len(b); atA, atB = atA+1, atB+1 {
		x, y := byte('0'), byte('0')
		if atA >= 0 {
			x = a[atA]
		}
		if atB >= 0 {
			y = b[atB]
		}
		if x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a)-atA, len(b)-atB)
}

// comparePaths compares the names along two paths, one after the other: as bytes, with
// the separator before all others.
func comparePaths(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if x, y := rank(a[i]), rank(b[i]); x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

func rank(c byte) int {
	if c == '/' || c == filepath.Separator {
		return -1
	}
	return int(c)
}
