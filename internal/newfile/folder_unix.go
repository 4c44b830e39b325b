//go:build unix

package newfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// RenameFolder gives a folder another name. An empty folder that has the name is replaced, at
// once; anything else that has it stays, and is an error.
func RenameFolder(from, to string) error {
	for { // os.Rename would replace no folder
		err := unix.Rename(from, to)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
	}
}
