package merge

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPathsAreComparedNameByName: as a folder is walked, where the names along a path are
// compared one after the other.
func TestPathsAreComparedNameByName(t *testing.T) {
	split := func(path string) []string { return strings.Split(filepath.ToSlash(path), "/") }
	paths := []string{"", "/", "a", "a/", "a/b", "a/b/c", "a.jpg", "a-b/c", "a/.b", "a//b", "ab", "b", "é/a", "é.a", "a\x00b", "a/\x00", "A/b", "/a", "../a"}
	for _, a := range paths {
		for _, b := range paths {
			if got, want := comparePaths([]byte(a), []byte(b)), slices.Compare(split(a), split(b)); got != want {
				t.Errorf("%q and %q: %d, want %d", a, b, got, want)
			}
		}
	}
}
