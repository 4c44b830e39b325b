package gguf

import (
	"fmt"

	"github.com/pgcli/paligemma/internal/newfile"
)

// A FileWriter is a [Writer] of a file that gets its name when it is complete.
type FileWriter struct {
	*Writer
	file *newfile.File
}

// Create starts a GGUF file at path. Until [FileWriter.Commit] it has a
// temporary name in the same folder, ending in ".partial", and a file that
// exists at path stays as it is. Whether it may be replaced is the caller's
// decision. The caller must Close the FileWriter, also after an interrupt.
func Create(path string) (*FileWriter, error) {
	file, err := newfile.Create(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	return &FileWriter{NewWriterAt(file), file}, nil
}

// Commit finishes the file, waits until it is on the disk, and gives it its
// name, replacing a file that had it. When Commit fails before that, the old
// file is untouched, and Close removes the new one.
func (w *FileWriter) Commit() error {
	if err := w.Finish(); err != nil {
		return err
	}
	if err := w.file.Commit(); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	return nil
}

// Close removes the file unless it was committed. It is safe on nil and may be
// called again. Calls still writing from other goroutines fail.
func (w *FileWriter) Close() error {
	if w == nil {
		return nil
	}
	return w.file.Close()
}
