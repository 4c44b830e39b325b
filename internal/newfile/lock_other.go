//go:build !windows && (!unix || solaris || illumos)

package newfile

import (
	"errors"
	"os"
	"syscall"
)

// errLocked says that another open file has the lock.
var errLocked = errors.New("locked")

// lock fails: this system has no lock that ends with its process.
func lock(*os.File, bool) error { return errors.ErrUnsupported }

// Full reports whether an error says that the disk is full.
func Full(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// InTheWay reports whether an error ends when another program closes the file: none here, where
// an open file is renamed and removed.
func InTheWay(error) bool { return false }
