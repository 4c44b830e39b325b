package newfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A temporary name is the file's name, a dot, random letters and digits, and an
// ending.
const (
	partial      = ".partial"
	unfinished   = ".unfinished" + partial // of Continue, with no random part
	randomPart   = 8
	randomLetter = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // of rand.Text
)

// ErrBusy reports a file that another process is writing.
var ErrBusy = errors.New("is being written by another process")

// removeAbandoned removes the temporary files of path that no living process has
// locked, and returns their names. Files that cannot be removed stay.
func removeAbandoned(path string) (removed []string) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), base+".")
		middle, ends := strings.CutSuffix(middle, partial)
		if !ok || !ends || len(middle) != randomPart || strings.Trim(middle, randomLetter) != "" || !e.Type().IsRegular() {
			continue
		}
		if name := filepath.Join(dir, e.Name()); removeUnlocked(name) {
			removed = append(removed, name)
		}
	}
	return removed
}

// removeUnlocked removes a file unless a process has locked it.
func removeUnlocked(name string) bool {
	f := abandoned(name)
	if f == nil {
		return false
	}
	defer f.Close()
	return Remove(name) == nil
}

// abandoned locks a file that exists and that no process has locked; nil for any other.
func abandoned(name string) *os.File {
	f, err := openShared(name, os.O_RDWR)
	if err != nil {
		return nil
	}
	if lock(f, false) != nil || !current(f) {
		f.Close()
		return nil
	}
	return f
}

// Abandoned reports whether a file exists, and no process has locked it. Unlike [Lock] it
// makes none.
func Abandoned(name string) bool {
	f := abandoned(name)
	if f == nil {
		return false
	}
	f.Close()
	return true
}

// current reports whether a file still has the name that it was opened by, and not
// through a link.
func current(f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(opened, named)
}

// Lock opens a file to go on with it, or creates it, and locks it until it is
// closed. If another process has locked it, the error is an [ErrBusy]. A link, and
// anything else than a regular file, is an error.
func Lock(name string) (*os.File, error) {
	f, err := openLocked(name, false, 0o666)
	return f, Explain(name, err)
}

// Share opens or creates a file as [Lock] does, but any number of processes may share it
// at a time. While one has it, Lock is refused.
func Share(name string) (*os.File, error) {
	f, err := openLocked(name, true, 0o666)
	return f, Explain(name, err)
}

// openLocked opens and locks a file, or creates it with permissions.
func openLocked(name string, shared bool, mode fs.FileMode) (*os.File, error) {
	for range tries {
		info, err := os.Lstat(name)
		flags := os.O_RDWR
		switch {
		case errors.Is(err, fs.ErrNotExist):
			flags |= os.O_CREATE | os.O_EXCL // follows no link
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s exists and is not a regular file, but a %s; remove it", name, kind(info.Mode()))
		}
		f, err := openPrivate(name, flags, mode)
		if err != nil {
			if errors.Is(err, fs.ErrExist) || flags == os.O_RDWR && errors.Is(err, fs.ErrNotExist) {
				continue // it appeared, or went, between two calls
			}
			return nil, err
		}
		if err := lock(f, shared); errors.Is(err, errLocked) {
			f.Close()
			return nil, fmt.Errorf("%s %w", name, ErrBusy)
		}
		if current(f) {
			return f, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("%s: %w", name, errUnstable)
}

// Idle returns an [ErrBusy] if another process has locked a file that exists, by [Lock].
func Idle(name string) error {
	f, err := Lock(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// kind names a file that is not regular.
func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m.IsDir():
		return "folder"
	}
	return "special file"
}

// Make makes a file in a folder of the caller's own: nothing may have its name.
func Make(path string) (*os.File, error) {
	return openShared(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
}

// Input returns the one of several input files that path is, under any name and
// through any link; "" if it is none of them.
func Input(path string, inputs ...string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	for _, in := range inputs {
		if other, err := os.Stat(in); in != "" && err == nil && os.SameFile(info, other) {
			return in
		}
	}
	return ""
}
