package eval

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/pgcli/paligemma/internal/metrics"
)

// maxLine is the longest line of a data set, in bytes.
const maxLine = 1 << 20

// A DataSet is a file of examples, all of which are well-formed. It holds no
// file open.
type DataSet struct {
	path     string
	limit    int
	length   int
	captions metrics.Corpus // of the examples that are captions
}

// Open reads a data set once, to the end or through the first limit examples
// if that is not 0, so that a bad line is found before a model has run for
// hours. The error names file and line.
func Open(path string, limit int) (*DataSet, error) {
	if limit < 0 {
		return nil, fmt.Errorf("eval: limit is %d, want 0 or more", limit)
	}
	d := &DataSet{path: path, limit: limit}
	for e, err := range d.Examples() {
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

// Len counts the examples.
func (d *DataSet) Len() int { return d.length }

// Examples reads the data set. An error is the last pair.
func (d *DataSet) Examples() iter.Seq2[*Example, error] {
	return func(yield func(*Example, error) bool) {
		f, err := os.Open(d.path)
		if err != nil {
			yield(nil, fmt.Errorf("eval: data set: %w", err))
			return
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, maxLine)
		line, n := 0, 0
		for (d.limit == 0 || n < d.limit) && lines.Scan() {
			line++
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
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
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d bytes", maxLine)
		}
		if err != nil {
			yield(nil, fmt.Errorf("eval: %s:%d: %w", d.path, line+1, err))
		}
	}
}

// file is where a file that an example names is.
func (d *DataSet) file(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(d.path), filepath.FromSlash(name))
}
