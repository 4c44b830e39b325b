package newfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// starts are the ways to begin a file at a path.
var starts = map[string]func(path string) error{
	"Create":   func(path string) error { return closed(Create(path, true)) },
	"Continue": func(path string) error { return closed(Continue(path, true)) },
	"Lock":     func(path string) error { return closed(Lock(path)) },
	"Share":    func(path string) error { return closed(Share(path)) },
}

// closed closes a file that should not be there, and returns the error of its start.
func closed(f interface{ Close() error }, err error) error {
	if err == nil {
		f.Close()
	}
	return err
}

// TestErrorsNameTheFileOfTheUser: a file that cannot be started is named as the user wrote it,
// without the ending of its temporary name, and the message says what to do.
func TestErrorsNameTheFileOfTheUser(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none")
	for name, start := range starts {
		path := filepath.Join(missing, "x")
		err := start(path)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), " "+path+": ") || !strings.HasSuffix(err.Error(), "; make the folder "+missing+" first") {
			t.Errorf("%s in a folder that does not exist: %v, want an error that names %s and says to make %s", name, err, path, missing)
		}
	}
	if runtime.GOOS == "windows" { // has no error of its own for a name that is too long
		return
	}
	for name, start := range starts {
		path := filepath.Join(dir, strings.Repeat("x", 250))
		if name == "Lock" || name == "Share" { // add nothing to the name
			path += strings.Repeat("x", 10)
		}
		err := start(path)
		if !errors.Is(err, syscall.ENAMETOOLONG) || !strings.Contains(err.Error(), " "+path+": ") || !strings.Contains(err.Error(), "; give a shorter one: ") {
			t.Errorf("%s of a name of %d bytes: %v, want an error that names %s and asks for a shorter name", name, len(filepath.Base(path)), err, path)
		}
		if got := left(t, dir); got != "" {
			t.Errorf("%s left %s", name, got)
		}
	}
}

// TestReadOnlyFileSystem gives Explain the error of a read-only file system, which only root
// could mount here.
func TestReadOnlyFileSystem(t *testing.T) {
	err := Explain("out/x", &fs.PathError{Op: "open", Path: "out/x.ABCDEFGH.partial", Err: syscall.EROFS})
	if want := "open out/x: " + syscall.EROFS.Error() + "; give a path on one that can be written to"; err.Error() != want || !errors.Is(err, syscall.EROFS) {
		t.Errorf("%q, want %q", err, want)
	}
	if err := Explain("out/x", os.ErrClosed); err != os.ErrClosed {
		t.Errorf("%v, want the error as it was", err)
	}
	if err := Explain("out/x", nil); err != nil {
		t.Errorf("%v, want no error", err)
	}
}
