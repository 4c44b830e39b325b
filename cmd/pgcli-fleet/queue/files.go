package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/infile"
)

func absolute(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	return path, err
}

// item returns a picture of the worker's folder.
func (w *Worker) item(name string) batch.Item {
	return batch.Item{Name: name, Read: func(context.Context) ([]byte, error) {
		if w.Reading != nil {
			w.Reading(name)
		}
		path, err := w.inside(name)
		if err != nil {
			return nil, err
		}
		f, err := infile.OpenIn(w.Root, path)
		if err == nil {
			defer f.Close()
			var data []byte
			if data, err = infile.ReadFile(f, batch.MaxFile); err == nil {
				return data, nil
			}
		}
		if p := new(fs.PathError); errors.As(err, &p) {
			err = p.Err // a record has the name
		}
		return nil, err
	}}
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

// failed returns the record of a question that is given up.
func failed(w *Worker, image string, p paligemma.Prompt, err error) *record.Record {
	return batch.Failed(&w.job.Identity, batch.Item{Name: image}, p, record.KindWorker, err)
}
