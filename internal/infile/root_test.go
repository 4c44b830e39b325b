package infile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/internal/testlink"
)

// TestNothingOutsideIsOpened: names and links that lead out of a folder.
func TestNothingOutsideIsOpened(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "dir")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "sub"), 0o755), os.WriteFile(filepath.Join(outer, "secret"), []byte("x"), 0o600),
		os.WriteFile(filepath.Join(dir, "sub", "open"), []byte("y"), 0o600)); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for link, target := range map[string]string{"link": "../secret", "up": "..", "in": "sub"} {
		testlink.Make(t, target, filepath.Join(dir, link))
	}
	for _, name := range []string{"../secret", "link", "up/secret", filepath.Join(outer, "secret"), "sub/../../secret"} {
		if f, err := OpenIn(root, name); err == nil {
			f.Close()
			t.Errorf("%s is opened", name)
		}
	}
	for _, name := range []string{"sub/open", "in/open"} {
		f, err := OpenIn(root, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if data, err := ReadFile(f, 10); string(data) != "y" || err != nil {
			t.Errorf("%s has %q, %v", name, data, err)
		}
		f.Close()
	}
	if _, err := OpenIn(root, "gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
	if _, err := OpenIn(root, "sub"); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
}
