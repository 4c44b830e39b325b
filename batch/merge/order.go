package merge

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// order returns the numbers of places in the order of the input, without those of pictures
// that a list does not name. Answers about one picture stay in the order of their file.
func (s *Set) order(list []string) []int32 {
	entry := make([]int, len(s.names)) // place of each picture in the list; -1 for none
	if list != nil {
		at := make(map[string]int, len(list))
		for i, name := range slices.Backward(list) {
			at[name] = i
		}
		for i, name := range s.names {
			var ok bool
			if entry[i], ok = at[name]; !ok {
				entry[i] = -1
			}
		}
	}
	all := make([]int32, 0, len(s.places))
	for n := range s.places {
		if entry[s.places[n].picture] >= 0 {
			all = append(all, int32(n))
		}
	}
	slices.SortFunc(all, func(a, b int32) int {
		x, y := s.places[a].picture, s.places[b].picture
		if x == y {
			return cmp.Compare(a, b)
		}
		return cmp.Or(cmp.Compare(entry[x], entry[y]), s.compare(x, y))
	})
	return all
}

// compare puts pictures into the order of a folder that is walked: name by name along
// the paths. Frames go by their time, rows by their number.
func (s *Set) compare(a, b int32) int {
	x, inX, _ := strings.Cut(s.names[a], "#")
	y, inY, _ := strings.Cut(s.names[b], "#")
	if x == y && inX != "" && inY != "" {
		return cmp.Or(cmp.Compare(s.times[a], s.times[b]), cmp.Compare(natural(inX), natural(inY)), cmp.Compare(a, b))
	}
	return cmp.Or(comparePaths(s.names[a], s.names[b]), cmp.Compare(a, b))
}

// natural spells a member's name so that numbers of fewer digits come first.
func natural(name string) string {
	digits := len(name) - len(strings.TrimLeft(name, "0123456789"))
	return strings.Repeat("0", max(0, 20-digits)) + name
}

// comparePaths compares the names along two paths, one after the other: as bytes, with
// the separator before all others.
func comparePaths(a, b string) int {
	a, b = filepath.ToSlash(a), filepath.ToSlash(b)
	for i := range min(len(a), len(b)) {
		if x, y := a[i], b[i]; x != y {
			switch {
			case x == '/':
				return -1
			case y == '/':
				return 1
			}
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}
