package newfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// Explain turns the error of a temporary file or folder that cannot be made into one about
// path, which it was made for and whose name the user gave, and says what to do about it. The
// caller says what to do about missing permissions. nil stays nil.
func Explain(path string, err error) error {
	var op *fs.PathError
	if !errors.As(err, &op) {
		return err
	}
	reason := op.Err
	switch {
	case errors.Is(reason, fs.ErrNotExist):
		reason = fmt.Errorf("%w; make the folder %s first", reason, filepath.Dir(path))
	case errors.Is(reason, syscall.EROFS):
		reason = fmt.Errorf("%w; give a path on one that can be written to", reason)
	case errors.Is(reason, syscall.ENAMETOOLONG):
		reason = fmt.Errorf("%w; give a shorter one: up to %d bytes are added to it until the file is complete", reason, len(unfinished))
	}
	return &fs.PathError{Op: op.Op, Path: path, Err: reason}
}
