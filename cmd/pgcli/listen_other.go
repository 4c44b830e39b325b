//go:build !unix

package main

import "syscall"

// ownerOnly calls f: files have no mode here.
func ownerOnly(f func()) { f() }

// inUse is the error of an address that another program listens on: WSAEADDRINUSE.
const inUse = syscall.Errno(10048)
