//go:build !windows && (!unix || solaris || illumos)

package newfile

import (
	"errors"
	"os"
)

// errLocked says that another open file has the lock.
var errLocked = errors.New("locked")

// lock fails: this system has no lock that ends with its process.
func lock(*os.File) error { return errors.ErrUnsupported }

// inTheWay reports no error: here nobody keeps a file from being renamed or removed.
func inTheWay(error) bool { return false }
