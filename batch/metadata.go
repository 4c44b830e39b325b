package batch

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/jsonerr"
	"github.com/pgcli/paligemma/internal/textfile"
)

// A Metadata is the path of the metadata.jsonl or metadata.csv of an imagefolder, as
// Hugging Face's datasets has it. Its pictures are those that the rows' file_name names,
// relative to the file's folder. It is read each time, so that the names take no memory.
// Package parquet has the third form.
type Metadata string

// MetadataColumn is the column of metadata with the names of pictures.
const MetadataColumn = "file_name"

// IsMetadata reports whether a path is one that Metadata reads, by its name.
func IsMetadata(path string) bool {
	base := filepath.Base(path)
	return base == "metadata.jsonl" || base == "metadata.csv"
}

// Items yields the pictures. A row without a name, or with one that leads out of the
// file's folder, ends them.
func (m Metadata) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		row, err := m.each(ctx, func(name string) (more bool, err error) {
			item, err := Beside(string(m), name)
			return err == nil && yield(item, nil), err
		})
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause // no row is at fault
		} else if err != nil && row > 0 {
			err = fmt.Errorf("%s: row %d: %w", string(m), row, err)
		}
		if err != nil {
			yield(Item{}, err)
		}
	}
}

// each calls do with the names of the rows until it returns false or an error, and returns
// the number of the last row, from 1.
func (m Metadata) each(ctx context.Context, do func(name string) (more bool, err error)) (row int, err error) {
	f, err := infile.Open(string(m))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in := infile.Checked(ctx, f) // also lines that are no rows
	names := jsonNames(in)
	if filepath.Ext(string(m)) == ".csv" {
		if names, err = tableNames(in); err != nil {
			return 0, fmt.Errorf("%s: %w", string(m), err)
		}
	}
	for name, err := range names {
		row++
		more := false
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			more, err = do(name)
		}
		if err != nil || !more {
			return row, err
		}
	}
	return row, nil
}

// jsonNames yields the file_name of each line, and ends with the first error.
func jsonNames(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for line, err := range Lines(r) {
			var row struct {
				Name string `json:"file_name"`
			}
			if err == nil {
				err = jsonerr.Explain([]byte(line), json.Unmarshal([]byte(line), &row))
			}
			if !yield(row.Name, err) || err != nil {
				return
			}
		}
	}
}

// tableNames returns the file_name of each row below the names of the columns, as pandas
// reads tables for datasets: a row may lack its last columns, and blank lines are not rows.
// The sequence ends with the first error.
func tableNames(r io.Reader) (iter.Seq2[string, error], error) {
	in := &rationed{r: textfile.NewReader(r)}
	table := csv.NewReader(in)
	table.FieldsPerRecord = -1
	next := func() ([]string, error) {
		for {
			in.left = 2 * maxName // a quote that is not closed would take all that follows into memory
			row, err := table.Read()
			if err != nil || len(row) > 1 || strings.TrimSpace(row[0]) != "" {
				return row, err
			}
		}
	}
	head, err := next()
	switch at := slices.Index(head, MetadataColumn); {
	case err == io.EOF:
		return nil, fmt.Errorf("it is empty, want the names of its columns, %s among them", MetadataColumn)
	case err != nil:
		return nil, err
	case at < 0:
		return nil, fmt.Errorf("no column %s; it has %.200q", MetadataColumn, head)
	default:
		return func(yield func(string, error) bool) {
			for {
				row, err := next()
				if err == io.EOF {
					return
				}
				if err == nil && len(row) > len(head) {
					err = fmt.Errorf("%d columns, want the %d of the first line", len(row), len(head))
				}
				name := ""
				if err == nil && at < len(row) {
					name = row[at]
				}
				if !yield(name, err) || err != nil {
					return
				}
			}
		}, nil
	}
}

// A rationed reader fails when more is read than is left.
type rationed struct {
	r    io.Reader
	left int
}

func (r *rationed) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, fmt.Errorf("longer than %d bytes: a quote may not be closed", 2*maxName)
	}
	n, err := r.r.Read(p)
	r.left -= n
	return n, err
}

// Beside returns the picture that a row of metadata names, relative to the folder of the
// file. Backslashes are slashes, as datasets has it. A name that leads out of the folder is
// an error.
func Beside(metadata, name string) (Item, error) {
	switch {
	case name == "":
		return Item{}, fmt.Errorf("it has no %s, want the picture's path from the file's folder", MetadataColumn)
	case len(name) > maxName:
		return Item{}, fmt.Errorf("%s has %d bytes, want at most %d", MetadataColumn, len(name), maxName)
	}
	path := filepath.FromSlash(strings.ReplaceAll(name, `\`, "/"))
	if !filepath.IsLocal(path) {
		return Item{}, fmt.Errorf("%s %q leads out of the file's folder", MetadataColumn, name)
	}
	return file(filepath.Join(filepath.Dir(metadata), path)), nil
}
