package export

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/newfile"
	"github.com/pgcli/paligemma/internal/testlink"
)

// TestALinkToAFolderStays: an output that is a link to an empty folder fills that folder, perhaps
// on another disk, as a link to a file does.
func TestALinkToAFolderStays(t *testing.T) {
	dir := t.TempDir()
	link, real := filepath.Join(dir, "link"), filepath.Join(dir, "real")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	testlink.Make(t, "real", link)
	f, err := createFolder(link)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := errors.Join(f.write("a/b", bytes([]byte("x"))), f.Finish()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink(link); err != nil || got != "real" {
		t.Errorf("the link leads to %q, %v, want real", got, err)
	}
	if got, err := os.ReadFile(filepath.Join(real, "a", "b")); err != nil || string(got) != "x" {
		t.Errorf("the folder behind the link has %q, %v", got, err)
	}
}

// TestErrorsNameTheFolderOfTheUser, who never saw its temporary name.
func TestErrorsNameTheFolderOfTheUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "set")
	f, err := createFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = f.write("data.yaml", func(w io.Writer) error {
		return &fs.PathError{Op: "write", Path: w.(*os.File).Name(), Err: errors.New("no space")}
	})
	if want := "write " + filepath.Join(path, "data.yaml") + ": no space"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := f.write("data.yaml/x", bytes(nil)); err == nil || strings.Contains(err.Error(), partial) {
		t.Errorf("a file as a folder: %v, want an error without a temporary name", err)
	}
}

// TestWhatAppearedStays: an export neither replaces nor removes what another program put into
// its place while it ran, and an empty folder gives way.
func TestWhatAppearedStays(t *testing.T) {
	for name, appear := range map[string]func(path string) error{
		"a file":          func(path string) error { return os.WriteFile(path, []byte("theirs"), 0o600) },
		"a folder's file": func(path string) error { return os.MkdirAll(filepath.Join(path, "theirs"), 0o700) },
		"an empty folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":          func(path string) error { testlink.Make(t, "nowhere", path); return nil },
	} {
		path := filepath.Join(t.TempDir(), "set")
		f, err := createFolder(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.write("a", bytes([]byte("x"))), appear(path)); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		err = f.Finish()
		if name == "an empty folder" {
			if data, read := os.ReadFile(filepath.Join(path, "a")); err != nil || read != nil || string(data) != "x" {
				t.Errorf("%s: %v, the folder has %q, %v", name, err, data, read)
			}
			continue
		}
		if !errors.Is(err, newfile.ErrExists) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %v and the name", name, err, newfile.ErrExists)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s is not there any more: %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
			t.Errorf("%s: %v is left, %v", name, entries, err)
		}
	}
}

// TestALinkToNothingIsRefused before the work, as it could not become the folder afterwards.
func TestALinkToNothingIsRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	testlink.Make(t, "nowhere", link)
	if _, err := createFolder(link); err == nil || !strings.Contains(err.Error(), "is a link to nothing") {
		t.Errorf("error %v, want one about a link to nothing", err)
	}
}
