package newfile

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pgcli/paligemma/internal/infile"
)

// TestOpenFilesAreReplacedAndRemoved: a file that somebody reads can be replaced and
// removed, and its reader has the old bytes. Windows allows neither unless each that
// opens a file asks for it.
func TestOpenFilesAreReplacedAndRemoved(t *testing.T) {
	replacesOpen(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	reader, err := infile.Open(path)
	must(t, err)
	defer reader.Close()
	must(t, start(t, path, "new", true).Commit())
	holds(t, path, "new")

	again, err := infile.Open(path)
	must(t, err)
	defer again.Close()
	must(t, os.Remove(path))
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("after Remove: %v", err)
	}
	must(t, start(t, path, "newer", false).Commit())
	holds(t, path, "newer")
	for want, f := range map[string]*os.File{"old": reader, "new": again} {
		if data, err := io.ReadAll(f); err != nil || string(data) != want {
			t.Errorf("the reader has %q, %v, want %q", data, err, want)
		}
	}
	if got := left(t, dir); got != "x" {
		t.Errorf("left: %s", got)
	}
}

// replacesOpen ends the test where a rename replaces no open file, as under Wine 10.
func replacesOpen(t *testing.T) {
	t.Helper()
	dir, err := os.OpenRoot(t.TempDir())
	must(t, err)
	defer dir.Close()
	must(t, dir.WriteFile("from", nil, 0o600))
	to, err := dir.Create("to")
	must(t, err)
	defer to.Close()
	if err := dir.Rename("from", "to"); err != nil {
		if runtime.GOOS != "windows" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// TestRenamedWhileOpen: a file that is being written keeps its lock until it has its
// name, so that nobody takes it for abandoned in between.
func TestRenamedWhileOpen(t *testing.T) {
	dir := t.TempDir()
	f := start(t, filepath.Join(dir, "x"), "text", true)
	must(t, f.settle())
	must(t, f.rename())
	if _, err := Lock(filepath.Join(dir, "x")); err == nil {
		t.Error("another writer got the lock")
	}
	f.done = true
	must(t, f.File.Close())
	holds(t, filepath.Join(dir, "x"), "text")
}
