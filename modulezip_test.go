package paligemma_test

import (
	"archive/zip"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// TestModuleIsSmall packs the module as the go command's proxies do: a program that
// imports it downloads less than 15 MB. A folder with a go.mod of its own is left out.
func TestModuleIsSmall(t *testing.T) {
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("this is no clone: %v", err)
	}
	files := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	apart := map[string]bool{}
	for _, name := range files {
		if path.Base(name) == "go.mod" {
			apart[path.Dir(name)] = true
		}
	}
	delete(apart, ".") // the module itself
	var size counter
	w := zip.NewWriter(&size)
	packed := 0
	for _, name := range files {
		if inside(name, apart) {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			continue // removed, but not committed yet
		}
		packed++
		member, err := w.Create(module + "@v0.0.0/" + name)
		if err == nil {
			_, err = member.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed < 200 || len(apart) < 2 {
		t.Errorf("%d files are packed, %d modules left out: want the whole module, and two left out", packed, len(apart))
	}
	if size >= 15e6 {
		t.Errorf("the module's zip has %d bytes, want less than 15 MB", size)
	}
}

// inside reports whether a file lies in one of the folders.
func inside(name string, folders map[string]bool) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if folders[dir] {
			return true
		}
	}
	return false
}

// A counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var _ io.Writer = new(counter)
