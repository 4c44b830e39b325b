package main

import "golang.org/x/sys/windows"

// brokenPipes returns the errors of writes to a pipe that nobody reads any more. Which
// one it is depends on how far its reader is with leaving.
func brokenPipes() []error {
	return []error{windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA, windows.ERROR_PIPE_NOT_CONNECTED}
}
