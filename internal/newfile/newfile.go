// Package newfile writes files that appear under their names only when they are
// complete, and files that one process at a time writes.
package newfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrExists reports a file that may not be replaced.
var ErrExists = errors.New("exists already")

// A File is a file that has a temporary name until it is committed. It is not
// safe for concurrent use, except that Close may interrupt other calls.
type File struct {
	*os.File
	path    string
	replace bool
	done    bool // committed or closed
	removed []string
}

// Create starts a file at path. Until [File.Commit] it has a temporary name in
// the same folder, ending in ".partial", and a file that exists at path stays as
// it is. Without replace, such a file is an [ErrExists], also if it appears
// before Commit. If path is a symbolic link to a file, that file is replaced, and the link
// stays. Create removes the temporary files of path that no living
// process writes, see [File.Removed]. The caller must Close the File, also after
// an interrupt.
func Create(path string, replace bool) (*File, error) {
	if err := check(path, replace); err != nil { // here, because Commit would fail only after all the work
		return nil, err
	}
	if replace {
		path = behind(path)
	}
	removed := removeAbandoned(path)
	for range tries {
		file, err := openPrivate(tempName(path), os.O_RDWR|os.O_CREATE|os.O_EXCL, mode(path, replace))
		if err != nil {
			return nil, Explain(path, err)
		}
		// The lock tells other programs that this one lives. Where the file system has
		// no locks it fails, here and for them, and nothing is removed.
		if errors.Is(lock(file, false), errLocked) || !current(file) {
			file.Close() // another program took it for abandoned, before the lock, and removes it
			_ = Remove(file.Name())
			continue
		}
		return &File{File: file, path: path, replace: replace, removed: removed}, nil
	}
	return nil, fmt.Errorf("%s: %w", path, errUnstable)
}

// tries is how often a file is made or opened that another program removes or replaces before it is
// locked. Where files do not stay the same, as on some network file systems, it would never end.
const tries = 100

var errUnstable = errors.New("the file is another one each time it is looked at; write to another folder, on a local disk")

// mode returns the permissions of a file that is to replace the one at path: nobody reads it
// who may not read that one. They are those of new files if there is none.
func mode(path string, replace bool) fs.FileMode {
	if info, err := os.Stat(path); replace && err == nil && info.Mode().IsRegular() {
		return info.Mode().Perm() | 0o600
	}
	return 0o666
}

// Continue is Create with a temporary name that is the same in each run: the file has
// what an earlier run left, which ended with [File.Keep] or was killed. While another process
// writes it, it is an [ErrBusy].
func Continue(path string, replace bool) (*File, error) {
	if replace {
		path = behind(path)
	}
	file, err := openLocked(path+unfinished, false, mode(path, replace))
	if err != nil {
		return nil, Explain(path, err)
	}
	f := &File{File: file, path: path, replace: replace}
	if err := check(path, replace); err != nil { // behind the lock: the process that had it may have committed
		return nil, errors.Join(err, f.leave())
	}
	return f, nil
}

// leave ends a file that Continue opened, and removes it if it is empty.
func (f *File) leave() error {
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		return f.Close()
	}
	return f.Keep()
}

// Keep closes a file of [Continue] that is not complete, and leaves it to the next run.
func (f *File) Keep() error {
	f.done = true
	return f.File.Close()
}

// check refuses a path that cannot become a new file.
func check(path string, replace bool) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s exists and is not a regular file", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Explain(path, err)
	}
	if _, err := os.Lstat(path); err == nil && !replace { // also a link to nothing
		return fmt.Errorf("%s %w", path, ErrExists)
	}
	return nil
}

// behind returns the file that a symbolic link leads to; path itself if it is no link, or if
// there is no such file.
func behind(path string) string {
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return path
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// Removed lists the temporary files that Create removed: runs that were killed
// left them.
func (f *File) Removed() []string { return f.removed }

// Close removes the file unless it was committed. It is safe on nil and may be
// called again. Calls still writing from other goroutines fail.
func (f *File) Close() error {
	if f == nil || f.done {
		return nil
	}
	f.done = true
	err := f.File.Close()
	gone := Remove(f.Name())
	if errors.Is(gone, fs.ErrNotExist) {
		gone = nil
	}
	return errors.Join(err, gone)
}
