package gguf

import (
	"os"
	"path/filepath"
	"testing"
)

// TestJoinPythonsParts joins parts that the Python package wrote: the result has the
// bytes of the file that it writes of the same contents when it does not split.
func TestJoinPythonsParts(t *testing.T) {
	var want view
	readJSON(t, "python_split.json", &want)
	parts, err := filepath.Glob(filepath.Join("testdata", "python_split-*.gguf"))
	if err != nil || len(parts) < 2 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	path := filepath.Join(t.TempDir(), "joined.gguf")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := Join(t.Context(), w, Parts(parts[0])...); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	compareView(t, f, want)
	if raw, err := os.ReadFile(path); err != nil || hash(raw) != want.SHA256 {
		t.Errorf("hash %s (%v), want that of the whole file, %s", hash(raw), err, want.SHA256)
	}
}
