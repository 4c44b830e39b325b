package gguf

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pgcli/paligemma/internal/newfile"
)

// ErrBusy reports a file that another process is writing.
var ErrBusy = newfile.ErrBusy

// Behind the data of a file that is not complete are two notes, the older of which the
// next one replaces: one of them is whole, whenever the process is killed. A note is its
// number, its length, its bytes, zeros, and at the end the SHA-256 of all that.
const (
	noteSize = 4096
	noteHead = 16
	// MaxNote is the longest note in bytes.
	MaxNote = noteSize - noteHead - sha256.Size
)

// Resume is [Create], or [CreateNew] unless replace is set, for a file that a later run
// can go on with. note is the last one of [FileWriter.Note] in an earlier run, nil if there
// is none. The caller then declares the same file, and says with [Writer.Skip] which
// tensors are complete; or it calls [FileWriter.Restart] first, and writes all of them. If
// another process writes the file, the error is an [ErrBusy].
func Resume(path string, replace bool) (w *FileWriter, note []byte, err error) {
	file, err := newfile.Continue(path, replace)
	if err != nil {
		return nil, nil, fmt.Errorf("gguf: %w", err)
	}
	w = &FileWriter{Writer: NewWriterAt(file), file: file}
	if note, err = w.readNotes(); err != nil {
		return nil, nil, fmt.Errorf("gguf: %s: %w", file.Name(), errors.Join(err, file.Keep()))
	}
	return w, note, nil
}

// Restart throws away what an earlier run has written. It comes before WriteHeader.
func (w *FileWriter) Restart() error {
	w.notes = 0
	return w.file.Truncate(0)
}

// Keep closes a file of [Resume] that is not complete, and leaves it to the next run. It
// returns the file's temporary name.
func (w *FileWriter) Keep() (string, error) { return w.file.Name(), w.file.Keep() }

// Note waits until what is written is on the disk, and then keeps a note of the caller's
// about it in the file. Commit drops it.
func (w *FileWriter) Note(note []byte) error {
	if len(note) > MaxNote {
		return fmt.Errorf("gguf: a note of %d bytes, at most %d are kept", len(note), MaxNote)
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	block := make([]byte, noteSize, 2*noteSize)
	binary.LittleEndian.PutUint64(block, uint64(w.notes+1))
	binary.LittleEndian.PutUint64(block[8:], uint64(len(note)))
	copy(block[noteHead:], note)
	sum := sha256.Sum256(block[:noteSize-sha256.Size])
	copy(block[noteSize-sha256.Size:], sum[:])
	if w.notes == 0 {
		block = block[:2*noteSize] // so that the notes are the end of the file
	}
	if _, err := w.file.WriteAt(block, w.end+int64(w.notes%2*noteSize)); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	w.notes++
	return w.file.Sync()
}

// readNotes returns the newer of two notes, nil if there is none.
func (w *FileWriter) readNotes() (note []byte, err error) {
	info, err := w.file.Stat()
	if err != nil || info.Size() < 2*noteSize {
		return nil, err
	}
	for i := range int64(2) {
		block := make([]byte, noteSize)
		if _, err := w.file.ReadAt(block, info.Size()-(2-i)*noteSize); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		sum := sha256.Sum256(block[:noteSize-sha256.Size])
		number, n := binary.LittleEndian.Uint64(block), binary.LittleEndian.Uint64(block[8:])
		if bytes.Equal(sum[:], block[noteSize-sha256.Size:]) && n <= MaxNote && number > uint64(w.notes) && number < 1<<31 {
			note, w.notes = block[noteHead:noteHead+n], int(number)
		}
	}
	return note, nil
}

// dropNotes leaves the file without notes.
func (w *FileWriter) dropNotes() error {
	if w.notes == 0 {
		return nil
	}
	return w.file.Truncate(w.end)
}

// Skip says that a declared tensor has its data already. It comes after WriteHeader.
func (w *Writer) Skip(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch t := w.tensorIdx[name]; {
	case w.err != nil:
		return w.err
	case !w.begun:
		return errNoHeader
	case t == nil:
		return fmt.Errorf("gguf: %s: not declared", tensorEntry(name))
	case t.state != declared || w.ordered:
		return fmt.Errorf("gguf: %s: skipped after it was started, or of a file that is written in order", tensorEntry(name))
	default:
		t.state = complete
		return nil
	}
}
