// Package faulty is for tests: files whose reading fails at a byte, or ends early.
package faulty

import (
	"bytes"
	"errors"
	"io"
	"testing/iotest"
)

// ErrRead is the error of a disk that fails.
var ErrRead = errors.New("input/output error")

// A File is content whose bytes from At on cannot be read: reading them is Err, as
// ErrRead, or io.EOF of a file that has become shorter since it was measured.
type File struct {
	Content []byte
	At      int
	Err     error
}

// ReadAt reads what can be read, as os.File does.
func (f *File) ReadAt(p []byte, at int64) (n int, err error) {
	if at < int64(f.At) {
		n = copy(p, f.Content[at:f.At])
	}
	if n < len(p) {
		return n, f.Err
	}
	return n, nil
}

// Size is the size that the file has by its directory.
func (f *File) Size() int64 { return int64(len(f.Content)) }

// Reader reads the file from its start, a byte at a time.
func (f *File) Reader() io.Reader {
	return iotest.OneByteReader(io.MultiReader(bytes.NewReader(f.Content[:f.At]), iotest.ErrReader(f.Err)))
}
