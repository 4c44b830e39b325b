//go:build unix

package infile

import "syscall"

// noWait has opening return at once.
const noWait = syscall.O_NONBLOCK
