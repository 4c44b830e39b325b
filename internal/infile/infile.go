// Package infile opens the files that are read. Opening never waits, and no file is
// read beyond a bound: a path may lead to a pipe that nobody writes to, or to a device
// without an end.
package infile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNotRegular is about a path that leads to something else than a regular file.
var ErrNotRegular = errors.New("not a regular file")

// Open opens the regular file at path, perhaps by a link. Anything else is an error
// that says what it is, and that is an ErrNotRegular. The caller must close the file.
func Open(path string) (*os.File, error) {
	f, err := open(path)
	return opened(f, path, err)
}

// OpenIn is Open for a path in a folder: neither it nor its links may lead out of it.
func OpenIn(root *os.Root, path string) (*os.File, error) {
	f, err := openIn(root, path)
	return opened(f, path, err)
}

// OpenFolder opens the folder at path, to list it. Anything else is an error. The caller
// must close it.
func OpenFolder(path string) (*os.File, error) {
	info, err := os.Stat(path) // before it is opened: opening a pipe would wait
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("is no folder")}
	}
	return os.Open(path)
}

// opened checks a file that was opened, unless that failed.
func opened(f *os.File, path string, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = check(path, info.Mode())
	}
	if err == nil {
		err = checkHoles(f, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// check refuses what is no regular file.
func check(path string, mode fs.FileMode) error {
	if mode.IsRegular() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: kindError(kind(mode))}
}

// A kindError is an ErrNotRegular that names the kind.
type kindError string

func (e kindError) Error() string        { return fmt.Sprintf("is %s, want a regular file", string(e)) }
func (e kindError) Is(target error) bool { return target == ErrNotRegular }

// ErrHoles is about a file that is mostly a hole: its size is set, and its content was
// never written. Reading it would take memory that nothing pays for.
var ErrHoles = errors.New("the file is mostly a hole; was it downloaded to its end?")

// A file may be smallHoles bytes and timesData times its data large.
const smallHoles, timesData = 64 << 20, 4

// checkHoles returns an ErrHoles for a file that is much larger than its data.
func checkHoles(f *os.File, size int64) error {
	least := (size - smallHoles) / timesData
	if size <= smallHoles {
		return nil
	}
	data := dataBytes(f, size, least)
	if data >= least {
		return nil
	}
	return &fs.PathError{Op: "open", Path: f.Name(), Err: fmt.Errorf("of %d bytes only %d are there: %w", size, data, ErrHoles)}
}

// kind names the type of a file that is not regular.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

// Read returns the content of the regular file at path, which may have at most limit
// bytes.
func Read(path string, limit int64) ([]byte, error) {
	return ReadContext(context.Background(), path, limit)
}

// ReadContext is Read that ends with ctx, and its cause.
func ReadContext(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readFile(ctx, f, limit)
}

// ReadFile returns the content of a regular file, which may have at most limit bytes.
func ReadFile(f *os.File, limit int64) ([]byte, error) {
	return readFile(context.Background(), f, limit)
}

func readFile(ctx context.Context, f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, tooLong(f.Name(), limit)
	}
	data, err := readAll(Checked(ctx, f), info.Size(), limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return data, nil
}

// ErrTooLong is about a file or stream with more bytes than are read.
var ErrTooLong = errors.New("too long")

func tooLong(path string, limit int64) error {
	return fmt.Errorf("%s: has more than %d bytes, the most that is read: %w", path, limit, ErrTooLong)
}

// ReadAll reads r to its end, at most limit bytes, which is an ErrTooLong. likely is
// the expected number of bytes, 0 if unknown: a claim of the input, of which 1 MiB at most is
// believed before the bytes are there.
func ReadAll(r io.Reader, likely, limit int64) ([]byte, error) {
	return readAll(r, min(likely, 1<<20), limit)
}

// readAll is ReadAll for a number of bytes that is no claim: it has room for them at once.
func readAll(r io.Reader, likely, limit int64) ([]byte, error) {
	const start = 64 << 10
	if likely <= 0 || likely > limit {
		likely = start
	}
	data := make([]byte, 0, min(likely, limit)+1) // the last byte finds the end
	for {
		if len(data) == cap(data) {
			grown := make([]byte, len(data), min(2*int64(cap(data)), limit+1))
			copy(grown, data)
			data = grown
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, fmt.Errorf("has more than %d bytes, the most that is read: %w", limit, ErrTooLong)
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		}
	}
}

// CopyPart copies length bytes of f to w, from start on. A file that ends before is an
// [io.ErrUnexpectedEOF] that names it.
func CopyPart(w io.Writer, f *os.File, start, length int64) error {
	_, err := io.CopyN(w, io.NewSectionReader(f, start, length), length)
	if err == io.EOF {
		return fmt.Errorf("%s is shorter than when it was opened, perhaps by a program that writes it: %w", f.Name(), io.ErrUnexpectedEOF)
	}
	return err
}
