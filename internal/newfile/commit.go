package newfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Commit waits until the file is on the disk and gives it its name, and the
// permissions of a file that it replaces. If Commit fails before that, the old
// file is untouched, and Close removes the new one. After Close it returns
// [os.ErrClosed].
func (f *File) Commit() error { return CommitAll(f) }

// CommitAll commits files that belong together: if one of them cannot get its
// name, the others lose theirs again, and the files that they replaced are back. A
// process that is killed meanwhile can leave some of the files new and others old.
func CommitAll(files ...*File) error {
	for _, f := range files {
		if err := f.settle(); err != nil {
			return err
		}
	}
	var undo []func() error
	var set []string // aside, under second names
	for i, f := range files {
		old := ""
		if i < len(files)-1 { // the last one succeeds or is not there
			old = f.setAside()
			set = append(set, old)
		}
		if err := f.rename(); err != nil {
			for _, u := range undo {
				err = errors.Join(err, u())
			}
			if old != "" {
				err = errors.Join(err, putBack(old, f.path))
			}
			return err
		}
		undo = append(undo, func() error { return f.takeBack(old) })
	}
	var errs []error
	for _, old := range set {
		if old != "" {
			_ = Remove(old) // or the next Create does
		}
	}
	for _, f := range files {
		f.done = true
		errs = append(errs, f.File.Close(), syncDir(filepath.Dir(f.path)))
	}
	return errors.Join(errs...)
}

// settle makes the file ready to be renamed: it is on the disk and has its
// permissions. It stays open, because the lock must be held until the file has its
// name.
func (f *File) settle() error {
	if f.done {
		return fmt.Errorf("%s: %w", f.path, os.ErrClosed)
	}
	// Without the sync a crash could leave the name on an empty file.
	if err := f.Sync(); err != nil {
		return err
	}
	if old, err := os.Stat(f.path); err == nil && runtime.GOOS != "windows" { // its folder gives permissions there
		return f.Chmod(old.Mode().Perm())
	}
	return nil
}

// setAside gives the file that would be replaced a second, temporary name, and
// returns it; "" without such a file.
func (f *File) setAside() string {
	old := tempName(f.path)
	if !f.replace {
		return ""
	}
	err := link(f.path, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the file system has no links
		old = keptName(old)
		err = Rename(f.path, old)
	}
	if err != nil {
		return ""
	}
	return old
}

// takeBack removes the file that has got its name, and gives the name back to the
// old one, if there was one.
func (f *File) takeBack(old string) error {
	f.done = true
	err := f.File.Close()
	if old != "" {
		return errors.Join(err, putBack(old, f.path))
	}
	return errors.Join(err, Remove(f.path))
}

// link is os.Link, but for tests of file systems that have none.
var link = os.Link

// keptName is the name of a file that no Create removes, not even after a kill: the only
// copy of what a user had.
func keptName(temporary string) string { return strings.TrimSuffix(temporary, partial) + ".old" }

// putBack gives a file that was set aside the name path again. If that fails, the file
// stays under a name that no Create removes, which the error tells.
func putBack(old, path string) error {
	err := Rename(old, path)
	if err == nil {
		_ = os.Remove(old) // there still if both names are of one file, which a rename leaves alone
		return nil
	}
	kept := old
	if strings.HasSuffix(old, partial) && os.Rename(old, keptName(old)) == nil {
		kept = keptName(old)
	}
	return fmt.Errorf("what was at %s is at %s now; rename it: %w", path, kept, err)
}

// rename gives the file its name.
func (f *File) rename() error {
	if f.replace {
		return Rename(f.Name(), f.path)
	}
	// A rename would replace a file that appeared since Create; a link does not.
	err := link(f.Name(), f.path)
	if err == nil {
		return Remove(f.Name())
	}
	if !errors.Is(err, fs.ErrExist) { // the file system has no links: reserve the name
		var empty *os.File
		if empty, err = os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); err == nil {
			if err = errors.Join(empty.Close(), Rename(f.Name(), f.path)); err != nil {
				err = errors.Join(err, Remove(f.path))
			}
			return err
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s %w: it appeared while this one was written", f.path, ErrExists)
	}
	return err
}

// tempName returns a new temporary name for a file at path. It is in the same
// folder, since a rename does not cross file systems, and has a random part, so
// that two programs do not write into one file.
func tempName(path string) string { return path + "." + rand.Text()[:randomPart] + partial }

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
