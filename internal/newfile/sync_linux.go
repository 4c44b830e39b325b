package newfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// SyncFolder waits until what was written below a folder is on the disk, so that a crash of the
// machine cannot leave empty files under the name that it gets then. It does so with one call,
// for folders have thousands of files, which only Linux has: elsewhere it does nothing.
func SyncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return os.NewSyscallError("syncfs", unix.Syncfs(int(dir.Fd())))
}
