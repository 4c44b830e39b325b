package newfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pgcli/paligemma/internal/testlink"
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

// TestErrorsNameTheFile: those of writing have the name that the user gave.
func TestErrorsNameTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := Create(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.File.Close(); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func() error{
		"Write":    func() error { _, err := f.Write([]byte("a")); return err },
		"WriteAt":  func() error { _, err := f.WriteAt([]byte("a"), 1); return err },
		"ReadFrom": func() error { _, err := f.ReadFrom(strings.NewReader("a")); return err },
		"Sync":     f.Sync,
		"Truncate": func() error { return f.Truncate(1) },
		"Commit":   f.Commit,
	} {
		var op *fs.PathError
		if err := write(); !errors.As(err, &op) || op.Path != path || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v, want %s and that it is closed", name, err, path)
		}
	}
	if f, err = Create(path, false); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	broken := &fs.PathError{Op: "read", Path: "source", Err: fs.ErrInvalid}
	if _, err := f.ReadFrom(iotest.ErrReader(broken)); err != broken {
		t.Errorf("an error of what is read is %v, want %v", err, broken)
	}
}

// TestLinksStay: a file behind a symbolic link is replaced where it is, in its own folder.
func TestLinksStay(t *testing.T) {
	far, near := t.TempDir(), t.TempDir()
	real, path := filepath.Join(far, "real"), filepath.Join(near, "x")
	if err := os.WriteFile(real, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	testlink.Make(t, real, path)
	for _, start := range []func(string, bool) (*File, error){Create, Continue} {
		if _, err := start(path, false); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), path) {
			t.Errorf("not to be replaced: %v", err)
		}
		f, err := start(path, true)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err = f.Write([]byte("new")); err == nil {
			err = f.Commit()
		}
		data, readErr := os.ReadFile(real)
		info, statErr := os.Lstat(path)
		if err = errors.Join(err, readErr, statErr); err != nil || string(data) != "new" || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%v: the file holds %q, and the link is %v", err, data, info)
		}
		if a, b := left(t, far), left(t, near); a != "real" || b != "x" {
			t.Errorf("left: %s, and %s", a, b)
		}
		if err := os.WriteFile(real, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
