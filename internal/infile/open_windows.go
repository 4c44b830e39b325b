package infile

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// noWait is for pipes, to which no path leads here.
const noWait = 0

// open opens a file to read. Other processes may rename, replace and remove it
// meanwhile, as on Unix; [os.Open] forbids it.
func open(path string) (*os.File, error) {
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	// With backup semantics a folder opens, too, and is refused by its kind.
	handle, err := windows.CreateFile(name, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}
