//go:build unix

package infile

import (
	"os"
	"syscall"
)

// noWait opens a pipe at once. Unless told so, it waits for somebody who writes.
const noWait = syscall.O_NONBLOCK

func open(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDONLY|noWait, 0) }
