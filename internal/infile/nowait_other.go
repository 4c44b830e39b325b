//go:build !unix

package infile

// noWait is nothing: a path cannot lead to a pipe that nobody writes to.
const noWait = 0
