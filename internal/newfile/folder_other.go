//go:build !unix

package newfile

import "os"

// RenameFolder gives a folder another name. An empty folder that has the name is replaced;
// anything else that has it stays, and is an error.
func RenameFolder(from, to string) error {
	if info, err := os.Lstat(to); err == nil && info.IsDir() {
		if err := os.Remove(to); err != nil { // not all file systems replace folders
			return err
		}
	} else if err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: os.ErrExist}
	}
	return Rename(from, to)
}
