package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/batch/s3"
	"github.com/pgcli/paligemma/internal/infile"
)

func absolute(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	return path, err
}

// item returns the picture of a message.
func (w *Worker) item(m *message) batch.Item {
	return batch.Item{Name: m.Image, Time: m.Time, Read: func(ctx context.Context) ([]byte, error) {
		if w.Reading != nil {
			w.Reading(m.Image)
		}
		data, err := w.read(ctx, m)
		if p := new(fs.PathError); errors.As(err, &p) {
			err = p.Err // a record has the name
		}
		return data, err
	}}
}

// read reads the picture of a message, of a bucket or of the worker's folder.
func (w *Worker) read(ctx context.Context, m *message) ([]byte, error) {
	if strings.HasPrefix(m.At.File, s3.Scheme) {
		if w.Object == nil {
			return nil, errors.New("this worker reads no buckets: start it with --bucket")
		}
		return w.Object(ctx, m.At.File)
	}
	path, err := w.inside(m.At.File)
	if err != nil {
		return nil, err
	}
	f, err := infile.OpenIn(w.Root, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if member, ok := m.member(); ok {
		return w.Member(ctx, f, filepath.Join(w.rootAt, path), member, m.At)
	}
	return infile.ReadFile(f, batch.MaxFile)
}

// inside returns a name relative to the worker's folder. os.Root refuses links that lead
// out of it.
func (w *Worker) inside(name string) (string, error) {
	path := filepath.FromSlash(name)
	if filepath.IsAbs(path) {
		var err error
		if path, err = filepath.Rel(w.rootAt, path); err != nil {
			return "", err
		}
	}
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("it is not in %s, the folder of this worker's --root", w.rootAt)
	}
	return path, nil
}

// failed returns the record of a question that has no answer.
func failed(w *Worker, m *message, p paligemma.Prompt, kind record.Kind, err error) *record.Record {
	return batch.Failed(&w.job.Identity, batch.Item{Name: m.Image, Time: m.Time}, p, kind, err)
}
