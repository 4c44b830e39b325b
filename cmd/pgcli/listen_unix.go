//go:build unix

package main

import "syscall"

// ownerOnly has files that f makes be the user's alone from their first moment.
func ownerOnly(f func()) {
	defer syscall.Umask(syscall.Umask(0o177))
	f()
}

// inUse is the error of an address that another program listens on.
const inUse = syscall.EADDRINUSE
