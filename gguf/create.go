package gguf

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A FileWriter is a [Writer] of a file that gets its name when it is complete.
type FileWriter struct {
	*Writer
	file *os.File // nil once committed or closed
	path string
	temp string
}

// Create starts a GGUF file at path. Until [FileWriter.Commit] it has a
// temporary name in the same folder, ending in ".partial", and a file that
// exists at path stays as it is. Whether it may be replaced is the caller's
// decision. The caller must Close the FileWriter, also after an interrupt.
func Create(path string) (*FileWriter, error) {
	// Found now rather than by the rename, after all the work.
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("gguf: %s exists and is not a regular file", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("gguf: %w", err)
	}
	// In the same folder, since a rename does not cross file systems; with a
	// random part, so that two programs do not write into one file.
	temp := path + "." + rand.Text()[:8] + ".partial"
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	return &FileWriter{Writer: NewWriterAt(file), file: file, path: path, temp: temp}, nil
}

// Commit finishes the file, waits until it is on the disk, and gives it its
// name, replacing a file that had it. When Commit fails before that, the old
// file is untouched, and Close removes the new one.
func (w *FileWriter) Commit() error {
	if w.file == nil {
		return fmt.Errorf("gguf: %s: %w", w.path, os.ErrClosed)
	}
	if err := w.Finish(); err != nil {
		return err
	}
	// Without the sync a crash could leave the name on an empty file.
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	if err := os.Rename(w.temp, w.path); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	w.file = nil
	return syncDir(filepath.Dir(w.path))
}

// Close removes the file unless it was committed. It is safe on nil and may be
// called again. Calls still writing from other goroutines fail.
func (w *FileWriter) Close() error {
	if w == nil || w.file == nil {
		return nil
	}
	err := w.file.Close()
	if errors.Is(err, os.ErrClosed) { // by a Commit that failed to rename
		err = nil
	}
	w.file = nil
	return errors.Join(err, os.Remove(w.temp))
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // has no such call for folders
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
