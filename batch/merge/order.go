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
	entry := make([]int, len(s.names)) // of each picture; -1 for none
	entries := newEntries(list)
	for i, name := range s.names {
		if list == nil {
			break
		}
		e, ok := entries.of(name)
		if !ok {
			e = -1
		}
		entry[i] = e
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
// the paths. Members of an archive stay in the order in which they were answered, frames
// go by their time.
func (s *Set) compare(a, b int) int {
	x, inX, _ := strings.Cut(s.names[a], "#")
	y, inY, _ := strings.Cut(s.names[b], "#")
	if x == y && inX != "" && inY != "" {
		return cmp.Or(cmp.Compare(s.times[a], s.times[b]), cmp.Compare(natural(inX), natural(inY)), cmp.Compare(a, b))
	}
	return cmp.Or(slices.Compare(split(s.names[a]), split(s.names[b])), cmp.Compare(a, b))
}

// natural spells a member's name so that numbers of fewer digits come first.
func natural(name string) string {
	digits := len(name) - len(strings.TrimLeft(name, "0123456789"))
	return strings.Repeat("0", max(0, 20-digits)) + name
}

// split returns the names along a path.
func split(path string) []string { return strings.Split(filepath.ToSlash(path), "/") }

// entries find the name of a list that a picture is of.
type entries struct{ first map[string]int }

func newEntries(list []string) entries {
	e := entries{map[string]int{}}
	for i, name := range list {
		if _, twice := e.first[name]; !twice {
			e.first[name] = i
		}
	}
	return e
}

// of returns the number of the picture's own name in the list, or else of the
// archive, video or folder that it is in.
func (e entries) of(name string) (n int, ok bool) {
	if n, ok = e.first[name]; ok {
		return n, true
	}
	for i := len(name) - 1; i >= 0; i-- {
		if c := name[i]; c != '/' && c != '#' && c != filepath.Separator {
			continue
		}
		if n, ok = e.first[name[:i]]; ok {
			return n, true
		}
		if n, ok = e.first[name[:i+1]]; ok { // a folder named with its separator
			return n, true
		}
	}
	n, ok = e.first["."]
	return n, ok
}
