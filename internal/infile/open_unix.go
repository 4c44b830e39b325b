//go:build unix

package infile

import (
	"os"
	"syscall"
)

// open opens a file to read. It returns at once, where a pipe would wait for somebody
// who writes.
func open(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) }

func openIn(root *os.Root, path string) (*os.File, error) {
	return root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
