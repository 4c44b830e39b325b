//go:build !unix && !windows

package infile

import "os"

func open(path string) (*os.File, error) { return os.Open(path) }

func openIn(root *os.Root, path string) (*os.File, error) {
	return root.OpenFile(path, os.O_RDONLY, 0)
}
