package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/newfile"
)

// A File is the file of records that a run adds to, one line each. Once a [Run] or
// [File.Arrange] has put its records in order it takes no more: Close it, and Open it again.
// It is not safe for concurrent use.
type File struct {
	path string
	id   Identity
	file *os.File // locked
	end  int64
	index
	torn   bool
	whole  bool // all records are there, and in order or about to be: nothing is added
	synced time.Time
}

// errWhole refuses to add to a file that may have been replaced by one in order, which this
// process does not lock.
var errWhole = errors.New("the file of records is finished; Close it, and Open it again")

// syncEvery is how long a record may be in the system's memory only.
const syncEvery = 5 * time.Second

// recordStart begins every line.
const recordStart = `{"key":"`

// Open opens the file of records at path, or creates it, and locks it until Close: a
// second process gets an error. A last line without an end, which a killed process
// leaves, is cut. Records of another model or with other settings are an error, since all
// records of a file depend on one Identity. If force is set, all records that the file has
// are removed first. A file of anything else than records is an error, and stays as it is, and
// so does one whose reading ctx ends. The caller must Close the File.
func Open(ctx context.Context, path string, id Identity, force bool) (*File, error) {
	f := &File{path: path, id: id, synced: time.Now()}
	var err error
	if f.file, err = newfile.Lock(path); err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	if force {
		if err = f.ours(); err == nil {
			err = f.file.Truncate(0)
		}
	} else if err = f.read(ctx); err == nil && f.torn {
		err = f.file.Truncate(f.end)
	}
	if err != nil {
		f.file.Close()
		return nil, fmt.Errorf("batch: %w", err)
	}
	return f, nil
}

// read notes the places of all records.
func (f *File) read(ctx context.Context) error {
	in := record.NewReader(f.file, f.path)
	for {
		r, err := in.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, record.ErrTorn):
			f.torn = true
			return f.ours()
		case err != nil:
			if other := f.ours(); other != nil {
				return other
			}
			return fmt.Errorf("%w; give another -o, or --force to start over", err)
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if r.Model != f.id.Model {
			return fmt.Errorf("%s:%d is an answer of another model (%.16s..., and it is %.16s... now); give another -o, or --force to start over", f.path, in.Line(), r.Model, f.id.Model)
		}
		k := f.id.key(r.Image, r.Prompt)
		if had, ok := record.ParseKey(r.Key); !ok || had != k {
			return fmt.Errorf("%s:%d is an answer with other flags than now (%s); give the same flags, another -o, or --force to start over", f.path, in.Line(), f.id.flags())
		}
		f.note(k, placeOf(r, f.end, in.Offset()-f.end))
		f.end = in.Offset()
	}
}

// ours refuses to cut or empty a file that does not begin with a record: a picture or a
// list that -o names by mistake would be lost.
func (f *File) ours() error {
	start := make([]byte, len(recordStart))
	n, err := f.file.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.HasPrefix([]byte(recordStart), start[:n]) {
		return fmt.Errorf("%s begins with %q, want records of pgcli batch; give another -o", f.path, start[:n])
	}
	return nil
}

// flags spells the settings.
func (id *Identity) flags() string {
	var b bytes.Buffer
	for i, s := range id.Settings {
		if i > 0 {
			b.WriteString(" ")
		}
		fmt.Fprintf(&b, "%s %s", s.Name, s.Value)
	}
	return b.String()
}

// Torn reports whether Open cut a line.
func (f *File) Torn() bool { return f.torn }

// Len returns the number of records, and of those that failed.
func (f *File) Len() (all, failed int) { return f.records, f.failed }

// add writes a record at the end of the file. If that fails, the file is as before.
func (f *File) add(k record.Key, r *record.Record) error {
	if f.whole {
		return errWhole
	}
	line, err := record.Encode(r)
	if err != nil {
		return err
	}
	if _, err := f.file.WriteAt(line, f.end); err != nil {
		return errors.Join(fmt.Errorf("records: %w", err), f.file.Truncate(f.end))
	}
	f.note(k, placeOf(r, f.end, int64(len(line))))
	f.end += int64(len(line))
	if time.Since(f.synced) < syncEvery {
		return nil
	}
	f.synced = time.Now()
	return f.file.Sync()
}

// Close closes the file. A file without records is removed, unless a Run has completed it: a
// shard may have no pictures. Close is safe on nil and may be called again.
func (f *File) Close() error {
	if f == nil || f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	if f.end == 0 && !f.whole {
		return errors.Join(file.Close(), os.Remove(f.path))
	}
	return errors.Join(file.Sync(), file.Close())
}
