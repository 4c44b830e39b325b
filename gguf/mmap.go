//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package gguf

import (
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
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

// forget lets the system take back the memory of whole pages of data. They are
// read from the file again when touched. It is only advice, so a refusal
// changes nothing.
func forget(data []byte, off, size int64) {
	page := int64(os.Getpagesize())
	start, end := (off+page-1)/page*page, (off+size)/page*page
	if start < end {
		_ = unix.Madvise(data[start:end], unix.MADV_DONTNEED)
	}
}
