//go:build !windows

package main

import "syscall"

// brokenPipes returns the errors of writes to a pipe that nobody reads any more.
func brokenPipes() []error { return []error{syscall.EPIPE} }
