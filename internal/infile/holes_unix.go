//go:build linux || freebsd || darwin

package infile

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// dataBytes returns how many of a file's bytes are not in holes, and stops to count at
// enough. Where the file system does not tell, all are.
func dataBytes(f *os.File, size, enough int64) (n int64) {
	defer f.Seek(0, io.SeekStart)
	for at := int64(0); at < size && n < enough; {
		start, err := f.Seek(at, unix.SEEK_DATA)
		switch {
		case errors.Is(err, syscall.ENXIO): // no data behind at
			return n
		case err != nil:
			return size
		}
		end, err := f.Seek(start, unix.SEEK_HOLE)
		if err != nil || end <= start {
			return size
		}
		n += end - start
		at = end
	}
	return n
}
