// Package newfile writes files that appear under their names only when they are
// complete.
package newfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A File is a file that has a temporary name until it is committed. It is not
// safe for concurrent use, except that Close may interrupt other calls.
type File struct {
	*os.File
	path string
	done bool // committed or closed
}

// Create starts a file at path. Until [File.Commit] it has a temporary name in
// the same folder, ending in ".partial", and a file that exists at path stays as
// it is. Whether it may be replaced is the caller's decision. The caller must
// Close the File, also after an interrupt.
func Create(path string) (*File, error) {
	// Checked here, because the rename would fail only after all the work.
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s exists and is not a regular file", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	// The temporary name is in the same folder, since a rename does not cross file
	// systems, and has a random part, so that two programs do not write into one
	// file.
	temp := path + "." + rand.Text()[:8] + ".partial"
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &File{File: file, path: path}, nil
}

// Commit waits until the file is on the disk and gives it its name, replacing an
// old file of that name. If Commit fails before the rename, the old file is
// untouched, and Close removes the new one. After Close it returns
// [os.ErrClosed].
func (f *File) Commit() error {
	if f.done {
		return fmt.Errorf("%s: %w", f.path, os.ErrClosed)
	}
	// Without the sync a crash could leave the name on an empty file.
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.File.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		return err
	}
	f.done = true
	return syncDir(filepath.Dir(f.path))
}

// Close removes the file unless it was committed. It is safe on nil and may be
// called again. Calls still writing from other goroutines fail.
func (f *File) Close() error {
	if f == nil || f.done {
		return nil
	}
	f.done = true
	err := f.File.Close()
	if errors.Is(err, os.ErrClosed) { // a Commit closed it, but failed to rename it
		err = nil
	}
	return errors.Join(err, os.Remove(f.Name()))
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // cannot sync a folder
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
