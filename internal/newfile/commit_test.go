package newfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testlink"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start writes text to a new file at path, and does not commit it.
func start(t *testing.T, path, text string, replace bool) *File {
	t.Helper()
	f, err := Create(path, replace)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.WriteString(text)
	must(t, err)
	return f
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || string(data) != want {
		t.Errorf("%s holds %q, %v, want %q", filepath.Base(path), data, err, want)
	}
}

// TestAFileThatAppearedIsNotReplaced guards against a rename over a file that another
// program made while this one wrote.
func TestAFileThatAppearedIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	f := start(t, path, "new", false)
	must(t, os.WriteFile(path, []byte("other"), 0o600))
	if err := f.Commit(); !errors.Is(err, ErrExists) {
		t.Errorf("Commit: %v, want %v", err, ErrExists)
	}
	must(t, f.Close())
	holds(t, path, "other")
	if got := left(t, dir); got != "x" {
		t.Errorf("left: %s", got)
	}
	if _, err := Create(path, false); !errors.Is(err, ErrExists) {
		t.Errorf("Create: %v, want %v", err, ErrExists)
	}
	nowhere := filepath.Join(dir, "link")
	testlink.Make(t, "nowhere", nowhere)
	if _, err := Create(nowhere, false); !errors.Is(err, ErrExists) {
		t.Errorf("Create at a link to nothing: %v, want %v", err, ErrExists)
	}
}

// TestAReplacedFileKeepsItsMode: a file that only its owner may read stays so.
func TestAReplacedFileKeepsItsMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no such permissions")
	}
	path := filepath.Join(t.TempDir(), "x")
	for _, mode := range []os.FileMode{0o600, 0o444, 0o640} {
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chmod(path, mode))
		must(t, start(t, path, "new", true).Commit())
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != mode {
			t.Errorf("mode is %o, want %o", info.Mode().Perm(), mode)
		}
		must(t, os.Remove(path))
	}
}

// TestCommitAllIsAllOrNothing: when the second file cannot get its name, the first
// is taken back, and an old file is there again.
func TestCommitAllIsAllOrNothing(t *testing.T) {
	for _, replace := range []bool{true, false} {
		dir := t.TempDir()
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		if replace {
			must(t, os.WriteFile(a, []byte("old"), 0o600))
		}
		first, second := start(t, a, "new a", replace), start(t, b, "new b", replace)
		must(t, os.MkdirAll(filepath.Join(b, "occupied"), 0o700)) // nothing can be renamed to it
		if err := CommitAll(first, second); err == nil {
			t.Error("no error")
		}
		must(t, errors.Join(first.Close(), second.Close()))
		want := "b"
		if replace {
			want = "a b"
			holds(t, a, "old")
		}
		if got := left(t, dir); got != want {
			t.Errorf("replace %v: left: %s, want %s", replace, got, want)
		}
		must(t, os.RemoveAll(b))
		first, second = start(t, a, "new a", replace), start(t, b, "new b", replace)
		must(t, CommitAll(first, second))
		holds(t, a, "new a")
		holds(t, b, "new b")
		if got := left(t, dir); got != "a b" {
			t.Errorf("replace %v: left: %s, want a b", replace, got)
		}
	}
}

// TestWhatCannotBePutBackIsKept: when a pair fails and what the first file replaced cannot get
// its name again, it stays under a name that the error tells and that the next Create leaves.
func TestWhatCannotBePutBackIsKept(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	first, second := start(t, a, "new a", true), start(t, b, "new b", true)
	must(t, os.Mkdir(a, 0o700)) // appears meanwhile: can be set aside, but not be renamed over a file
	must(t, os.MkdirAll(filepath.Join(b, "occupied"), 0o700))
	was, err := os.Stat(a)
	must(t, err)
	err = CommitAll(first, second)
	must(t, errors.Join(first.Close(), second.Close()))
	must(t, start(t, a, "later", true).Commit())
	kept, _ := filepath.Glob(a + ".*.old")
	if len(kept) != 1 || err == nil || !strings.Contains(err.Error(), "what was at "+a+" is at "+kept[0]) {
		t.Fatalf("kept: %q, error %v", kept, err)
	}
	if now, err := os.Stat(kept[0]); err != nil || !os.SameFile(was, now) {
		t.Errorf("%s is another: %v", kept[0], err)
	}
}

// TestWithoutLinks: where the file system has none, what a pair replaces is set aside by a
// rename, under a name that outlives a kill; otherwise nothing of it is left.
func TestWithoutLinks(t *testing.T) {
	link = func(string, string) error { return errors.ErrUnsupported }
	defer func() { link = os.Link }()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.WriteFile(a, []byte("old"), 0o600))
	must(t, CommitAll(start(t, a, "newer", true), start(t, b, "new", false)))
	holds(t, a, "newer")
	holds(t, b, "new")
	if got := left(t, dir); got != "a b" {
		t.Errorf("left: %s, want a b", got)
	}
	killed := start(t, a, "never", true)
	old := killed.setAside()
	must(t, killed.Close())
	must(t, start(t, a, "later", true).Commit())
	holds(t, old, "newer")
}

// TestAReservedNameIsGivenUp: where there are no links the name is reserved by an empty file,
// which does not stay if the rename fails.
func TestAReservedNameIsGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f := start(t, path, "new", false)
	must(t, os.Remove(f.Name())) // neither a link to it nor a rename can be made
	if err := f.rename(); err == nil {
		t.Error("no error")
	}
	if info, err := os.Lstat(path); err == nil {
		t.Errorf("%s of %d bytes is left", path, info.Size())
	}
}

// TestAReplacedFileIsPrivateMeanwhile: what is being written in place of a file that only its
// owner may read is not read by others before it has its name, either.
func TestAReplacedFileIsPrivateMeanwhile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no such permissions")
	}
	path := filepath.Join(t.TempDir(), "x")
	must(t, os.WriteFile(path, nil, 0o600))
	further, err := Continue(path, true)
	must(t, err)
	defer further.Close()
	for name, f := range map[string]*File{"Create": start(t, path, "new", true), "Continue": further} {
		info, err := f.Stat()
		must(t, err)
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s: the mode is %o, want 600", name, mode)
		}
	}
}
