package gguf

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// names lists a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func create(t *testing.T, path string) *FileWriter {
	t.Helper()
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := create(t, path)
	begun(t, w.Writer)
	if err := errors.Join(w.WriteTensor("b", make([]byte, 4)), w.WriteTensor("a", pattern("a", 10))); err != nil {
		t.Fatal(err)
	}
	if old, err := os.ReadFile(path); string(old) != "old" {
		t.Errorf("before Commit the file holds %q, %v", old, err)
	}
	if err := errors.Join(w.Commit(), w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != "m.gguf" {
		t.Errorf("left: %s", got)
	}
	if err := w.Commit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Commit: %v", err)
	}
	f, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.Bytes("a"); err != nil || string(got) != string(pattern("a", 10)) {
		t.Errorf("got %x, %v", got, err)
	}
}

// Whatever stops before Commit leaves the folder as it was.
func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	w := create(t, path)
	begun(t, w.Writer)
	tw, err := w.Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, w.Commit(), `tensor "a": not closed`)
	if got := names(t, dir); !strings.HasSuffix(got, ".partial") {
		t.Errorf("while writing: %s", got)
	}
	if err := errors.Join(w.Close(), w.Close(), (*FileWriter)(nil).Close()); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); got != "" {
		t.Errorf("left: %s", got)
	}
	if _, err := tw.Write([]byte{1}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	if err := w.Commit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Commit after Close: %v", err)
	}
}

// A rename that fails must leave nothing behind either.
func TestCommitFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	w := create(t, path)
	if err := w.WriteHeader(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "occupied"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil {
		t.Error("Commit replaced a folder")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); got != "m.gguf" {
		t.Errorf("left: %s", got)
	}
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Create(dir)
	wantError(t, err, "not a regular file")
	if _, err := Create(filepath.Join(dir, "none", "m.gguf")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if runtime.GOOS == "linux" {
		_, err := Create("/dev/null")
		wantError(t, err, "not a regular file")
	}
}
