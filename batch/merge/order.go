package merge

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// order returns the questions in the order of the input, without those of pictures
// that a list does not name. Answers about one picture stay in the order of their file.
func (s *Set) order(list []string) []question {
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
	var all []question
	for q := range s.places {
		if entry[q.picture] >= 0 {
			all = append(all, q)
		}
	}
	slices.SortFunc(all, func(a, b question) int {
		if a.picture == b.picture {
			return cmp.Compare(s.places[a].nth, s.places[b].nth)
		}
		return cmp.Or(cmp.Compare(entry[a.picture], entry[b.picture]), s.compare(a.picture, b.picture))
	})
	return all
}

// compare puts pictures into the order of a folder that is walked: name by name along
// the paths. Frames go by their time, rows by their number.
func (s *Set) compare(a, b int) int {
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
