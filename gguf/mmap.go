//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package gguf

import (
	"math"
	"os"
	"syscall"
)

// mapFile maps the first size bytes of file for reading.
func mapFile(file *os.File, size int64) (*mapping, error) {
	if size <= 0 || size > math.MaxInt {
		return nil, errNotMapped
	}
	data, err := syscall.Mmap(int(file.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &mapping{data: data, unmap: syscall.Munmap}, nil
}
