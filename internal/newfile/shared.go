package newfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Unless told otherwise, Windows lets nobody rename or remove a file that is open,
// and replaces none. A Root tells it otherwise, so that there, too, a file that is
// being written, or that another process reads, is renamed, replaced and removed.

// openShared opens or creates a file as [os.OpenFile] does, which shares everywhere but on
// Windows. There it follows no link to another folder, and a file without a folder is named
// as in ".".
func openShared(name string, flags int) (f *os.File, err error) {
	return openPrivate(name, flags, 0o666)
}

// openPrivate is openShared for a file with permissions, if it creates one.
func openPrivate(name string, flags int, mode fs.FileMode) (f *os.File, err error) {
	if runtime.GOOS != "windows" {
		return os.OpenFile(name, flags, mode)
	}
	err = inFolder(name, func(dir *os.Root, base string) error {
		f, err = dir.OpenFile(base, flags, mode)
		return err
	})
	return f, err
}

// OpenShared opens a file that exists, to read and write it, and locks it for nobody. The
// caller closes it.
func OpenShared(name string) (*os.File, error) { return openShared(name, os.O_RDWR) }

// Rename gives a file another name in its folder, and replaces the file that has it. The file
// may be open by [Lock] or [Create].
func Rename(from, to string) error {
	err := inFolder(from, func(dir *os.Root, base string) error { return dir.Rename(base, filepath.Base(to)) })
	var link *os.LinkError
	if errors.As(err, &link) {
		link.Old, link.New = from, to
	}
	return err
}

// Remove removes a file, which may be open by [Lock] or [Create].
func Remove(name string) error {
	return inFolder(name, func(dir *os.Root, base string) error { return dir.Remove(base) })
}

// patience is how long a file may be in the way that another program, such as a scanner
// for viruses, opened without letting others rename and remove it.
const patience = time.Second

// inFolder calls do with the folder and the base of a name, and again while another
// program is in the way for a moment. Errors have the whole name.
func inFolder(name string, do func(dir *os.Root, base string) error) error {
	dir, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	err = do(dir, filepath.Base(name))
	for start := time.Now(); InTheWay(err) && time.Since(start) < patience; err = do(dir, filepath.Base(name)) {
		time.Sleep(time.Millisecond)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		path.Path = name
	}
	return err
}
