package newfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// left returns the names in a folder.
func left(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestOnlyCommitReplaces: without a Commit the old file stays, and no temporary
// file is ever left behind.
func TestOnlyCommitReplaces(t *testing.T) {
	for name, c := range map[string]struct {
		old    string // content of an old file; "/" stands for a folder made meanwhile
		commit bool
		want   string // content of the file afterwards
	}{
		"new":           {"", true, "new"},
		"replaced":      {"old", true, "new"},
		"left":          {"old", false, "old"},
		"cannot rename": {"/", true, "/"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x")
			if c.old != "" && c.old != "/" {
				if err := os.WriteFile(path, []byte(c.old), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Create(path, true)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if c.old == "/" {
				if err := os.MkdirAll(filepath.Join(path, "occupied"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := f.WriteString("new"); err != nil {
				t.Fatal(err)
			}
			if c.commit {
				if err := f.Commit(); (err != nil) != (c.old == "/") {
					t.Errorf("Commit: %v", err)
				}
			}
			if err := errors.Join(f.Close(), f.Close(), (*File)(nil).Close()); err != nil {
				t.Error(err)
			}
			if err := f.Commit(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("Commit after Close: %v", err)
			}
			if got := left(t, dir); got != "x" {
				t.Errorf("left: %s", got)
			}
			if data, err := os.ReadFile(path); c.want != "/" && (err != nil || string(data) != c.want) {
				t.Errorf("file holds %q, %v, want %q", data, err, c.want)
			}
		})
	}
}

func TestCreateRefusesFolders(t *testing.T) {
	dir := t.TempDir()
	if _, err := Create(dir, true); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "none", "x"), true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
