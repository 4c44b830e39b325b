package export

import (
	"bufio"
	"errors"
	"io"

	"github.com/pgcli/paligemma/internal/jsonl"
	"github.com/pgcli/paligemma/internal/newfile"
)

// A file is a Sink's file, which gets its name when it is complete.
type file struct {
	*bufio.Writer
	f *newfile.File
}

func createFile(path string, o *Options) (*file, error) {
	f, err := newfile.Create(path, o.Replace)
	if err != nil {
		return nil, err
	}
	return &file{bufio.NewWriterSize(f, 1<<16), f}, nil
}

// Finish gives the file its name.
func (f *file) Finish() error {
	if err := f.Flush(); err != nil {
		return err
	}
	return f.f.Commit()
}

// Close removes a file without its name.
func (f *file) Close() error { return f.f.Close() }

// json writes a value on a line of its own, as jsonl.Encode does.
func (f *file) json(v any) error {
	line, err := jsonl.Encode(v)
	if err == nil {
		_, err = f.Write(line)
	}
	return err
}

// A spool holds the part of a file that follows what is known at the end only: a file
// that never gets its name.
type spool struct {
	*bufio.Writer
	f *newfile.File
}

// newSpool starts a spool beside the file at path, and removes those that killed exports
// left.
func newSpool(path string) (*spool, error) {
	f, err := newfile.Create(path+".spool", true)
	if err != nil {
		return nil, err
	}
	return &spool{bufio.NewWriterSize(f, 1<<16), f}, nil
}

// createSpooled starts a file and a spool for what stands after the rest in it.
func createSpooled(path string, o *Options) (*file, *spool, error) {
	f, err := createFile(path, o)
	if err != nil {
		return nil, nil, err
	}
	s, err := newSpool(path)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, s, nil
}

// copyTo appends the spool to w.
func (s *spool) copyTo(w io.Writer) error {
	if err := s.Flush(); err != nil {
		return err
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, s.f)
	return err
}

// Close removes the spool.
func (s *spool) Close() error { return s.f.Close() }
