//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package gguf

import (
	"errors"
	"math"
	"os"
	"syscall"
)

// mapFile maps the first size bytes of file for reading.
func mapFile(file *os.File, size int64) (data []byte, err error) {
	if size > math.MaxInt {
		return nil, errors.ErrUnsupported
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	failed := raw.Control(func(fd uintptr) {
		data, err = syscall.Mmap(int(fd), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	})
	return data, errors.Join(err, failed)
}

func unmapFile(data []byte) error { return syscall.Munmap(data) }
