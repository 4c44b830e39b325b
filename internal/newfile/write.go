package newfile

import (
	"errors"
	"io"
	"io/fs"
)

// Write writes as os.File does. Its errors, and those of the methods below, have the name that the
// user gave, who never saw the temporary one.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.named(err)
}

// WriteAt is like Write.
func (f *File) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p, at)
	return n, f.named(err)
}

// ReadFrom is like Write.
func (f *File) ReadFrom(r io.Reader) (int64, error) {
	n, err := f.File.ReadFrom(r)
	return n, f.named(err)
}

// Sync is like Write.
func (f *File) Sync() error { return f.named(f.File.Sync()) }

// Truncate is like Write.
func (f *File) Truncate(size int64) error { return f.named(f.File.Truncate(size)) }

// named makes an error about the temporary file one about the file that it becomes.
func (f *File) named(err error) error {
	var op *fs.PathError
	if errors.As(err, &op) && op.Path == f.Name() {
		return Explain(f.path, err)
	}
	return err
}
