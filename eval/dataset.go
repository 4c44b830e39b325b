package eval

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/metrics"
	"github.com/pgcli/paligemma/internal/textfile"
)

// maxLine is the longest line of a data set, in bytes.
const maxLine = 1 << 20

// A DataSet is a file of well-formed examples. It keeps no file open and needs no
// Close.
type DataSet struct {
	path     string
	limit    int
	length   int
	captions metrics.Corpus // the expected captions of all examples
}

// Open reads a data set once, so that a bad line is found before a model has run
// for hours; the error names file and line. The data set is the first limit
// examples of the file, or all if limit is 0. Open ends with ctx.
func Open(ctx context.Context, path string, limit int) (*DataSet, error) {
	if limit < 0 {
		return nil, fmt.Errorf("eval: limit is %d, want 0 or more", limit)
	}
	d := &DataSet{path: path, limit: limit}
	for e, err := range d.Examples(ctx) {
		if err != nil {
			return nil, err
		}
		d.length++
		if e.Task == Caption {
			d.captions.Add(e.Expected)
		}
	}
	if d.length == 0 {
		return nil, fmt.Errorf("eval: %s has no examples", path)
	}
	return d, nil
}

// Len returns the number of examples.
func (d *DataSet) Len() int { return d.length }

// Examples reads the data set again, an example at a time. After an error it ends, and with
// ctx, whose cause is the last error then.
func (d *DataSet) Examples(ctx context.Context) iter.Seq2[*Example, error] {
	return func(yield func(*Example, error) bool) {
		f, err := infile.Open(d.path) // a pipe could not be read twice
		if err != nil {
			yield(nil, fmt.Errorf("eval: data set: %w", err))
			return
		}
		defer f.Close()
		lines := textfile.NewScanner(infile.Checked(ctx, f))
		lines.Buffer(nil, maxLine)
		line, n := 0, 0
		for (d.limit == 0 || n < d.limit) && lines.Scan() {
			line++
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			if err := context.Cause(ctx); err != nil {
				yield(nil, err)
				return
			}
			n++
			e, err := parseExample(lines.Bytes())
			if err != nil {
				yield(nil, fmt.Errorf("eval: %s:%d: %w", d.path, line, err))
				return
			}
			e.Line = line
			if !yield(e, nil) {
				return
			}
		}
		err = lines.Err()
		switch {
		case err != nil && ctx.Err() != nil:
			yield(nil, context.Cause(ctx))
		case errors.Is(err, textfile.ErrEncoding): // it names the line
			yield(nil, fmt.Errorf("eval: %s: %w", d.path, err))
		case errors.Is(err, bufio.ErrTooLong):
			yield(nil, fmt.Errorf("eval: %s:%d: longer than %d bytes", d.path, line+1, maxLine))
		case err != nil:
			yield(nil, fmt.Errorf("eval: %s:%d: %w", d.path, line+1, err))
		}
	}
}

// file returns the path of a file that an example names.
func (d *DataSet) file(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(d.path), filepath.FromSlash(name))
}
