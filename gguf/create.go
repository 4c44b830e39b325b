package gguf

import (
	"fmt"

	"github.com/pgcli/paligemma/internal/newfile"
)

// A FileWriter is a [Writer] of a file that gets its name when it is complete.
type FileWriter struct {
	*Writer
	file  *newfile.File
	notes int // written by Note
}

// Create starts a GGUF file at path. Until [FileWriter.Commit] it has a
// temporary name in the same folder, ending in ".partial", and a file that
// exists at path stays as it is. The caller must Close the FileWriter, also after
// an interrupt.
func Create(path string) (*FileWriter, error) { return start(path, true) }

// CreateNew is Create for a file that replaces no other: one that exists at path,
// or appears there before Commit, is an [ErrExists].
func CreateNew(path string) (*FileWriter, error) { return start(path, false) }

// ErrExists reports a file that may not be replaced.
var ErrExists = newfile.ErrExists

func start(path string, replace bool) (*FileWriter, error) {
	file, err := newfile.Create(path, replace)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	return &FileWriter{Writer: NewWriterAt(file), file: file}, nil
}

// Removed lists the temporary files of the same path that Create removed, since no
// living process wrote them: runs that were killed left them.
func (w *FileWriter) Removed() []string { return w.file.Removed() }

// TempName returns the name that the file has until Commit, to read it again.
func (w *FileWriter) TempName() string { return w.file.Name() }

// Commit finishes the file, waits until it is on the disk, and gives it its
// name, replacing a file that had it. When Commit fails before that, the old
// file is untouched, and Close removes the new one.
func (w *FileWriter) Commit() error { return CommitAll(w) }

// CommitAll commits files that belong together: if one of them cannot get its
// name, the others lose theirs again, and the files that they replaced are back.
func CommitAll(writers ...*FileWriter) error {
	var files []*newfile.File
	for _, w := range writers {
		if err := w.Finish(); err != nil {
			return err
		}
		if err := w.dropNotes(); err != nil {
			return fmt.Errorf("gguf: %w", err)
		}
		files = append(files, w.file)
	}
	if err := newfile.CommitAll(files...); err != nil {
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
