//go:build unix && !solaris && !illumos

package newfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// errLocked says that another open file has the lock.
var errLocked error = unix.EWOULDBLOCK

// lock locks a file without waiting. The lock ends when the file is closed, which
// the system also does when the process ends. Locks that are shared exclude those that
// are not.
func lock(f *os.File, shared bool) error {
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Full reports whether an error says that a disk or an account's share of it is full.
func Full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// InTheWay reports whether an error ends when another program closes the file: none here, where
// an open file is renamed and removed.
func InTheWay(error) bool { return false }
