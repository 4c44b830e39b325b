package newfile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// errLocked says that another open file has the lock.
var errLocked error = windows.ERROR_LOCK_VIOLATION

// lock locks a file without waiting. The lock ends when the file is closed, which
// the system also does when the process ends. It is on a byte far beyond the end,
// because Windows lets nobody else read what is locked. Locks that are shared exclude those
// that are not.
func lock(f *os.File, shared bool) error {
	var flags uint32 = windows.LOCKFILE_FAIL_IMMEDIATELY
	if !shared {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
}

// Full reports whether an error says that a disk or an account's share of it is full.
func Full(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// InTheWay reports whether an error ends when another program closes the file.
func InTheWay(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
}
