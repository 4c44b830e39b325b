package batch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/jsonerr"
	"github.com/pgcli/paligemma/internal/textfile"
)

// Files are picture files, in their order.
type Files []string

// Items yields the files. One that is gone is an item whose Read fails.
func (f Files) Items(context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, name := range f {
			if !yield(file(name), nil) {
				return
			}
		}
	}
}

// file returns the item of a picture file.
func file(name string) Item {
	read := func(context.Context) ([]byte, error) {
		data, err := infile.Read(name, MaxFile)
		if p := new(fs.PathError); errors.As(err, &p) {
			err = p.Err // a record has the name
		}
		return data, err
	}
	refer := func() (Reference, error) {
		info, err := os.Stat(name)
		if err != nil { // said by whoever reads it
			return Reference{File: name, Version: Version("missing")}, nil
		}
		return Reference{File: name, Version: FileVersion(info)}, nil
	}
	return Item{Name: filepath.ToSlash(name), Read: read, Refer: refer} // the same name on every system
}

// maxName is the longest line of a list, in bytes.
const maxName = 1 << 20

// Lines yields the names on the lines of r, without blank ones. It ends with the first
// error.
func Lines(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		lines := bufio.NewScanner(textfile.NewReader(r))
		lines.Buffer(nil, maxName)
		n := 0
		for ; lines.Scan(); n++ {
			name := strings.TrimSuffix(lines.Text(), "\r")
			if strings.TrimSpace(name) != "" && !yield(name, nil) {
				return
			}
		}
		if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
			yield("", fmt.Errorf("line %d is longer than %d bytes, want a name", n+1, maxName))
		} else if err != nil {
			yield("", err)
		}
	}
}

// A Metadata is the path of the metadata.jsonl of an imagefolder, as Hugging Face's
// datasets has it. Its pictures are those that the lines' file_name names, relative to the
// file's folder. It is read each time, so that the names take no memory.
type Metadata string

// Items yields the pictures.
func (m Metadata) Items(context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		f, err := infile.Open(string(m))
		if err != nil {
			yield(Item{}, err)
			return
		}
		defer f.Close()
		row := 0
		for line, err := range Lines(f) {
			row++
			name := ""
			if err == nil {
				name, err = fileName([]byte(line))
			}
			if err != nil {
				yield(Item{}, fmt.Errorf("%s: row %d: %w", string(m), row, err))
				return
			}
			if !yield(file(filepath.Join(filepath.Dir(string(m)), name)), nil) {
				return
			}
		}
	}
}

// fileName returns the file_name of a row of metadata.
func fileName(line []byte) (string, error) {
	var row struct {
		Name string `json:"file_name"`
	}
	if err := json.Unmarshal(line, &row); err != nil {
		return "", jsonerr.Explain(line, err)
	}
	if row.Name == "" {
		return "", errors.New("it has no file_name, want the picture's path from the file's folder")
	}
	path := filepath.FromSlash(row.Name)
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("file_name %q leads out of the file's folder", row.Name)
	}
	return path, nil
}
