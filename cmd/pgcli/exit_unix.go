//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileLimit makes a write beyond the limit on the size of files (ulimit -f) an
// error, as a full disk is: its signal would end the program.
func ignoreFileLimit() { signal.Ignore(syscall.SIGXFSZ) }
