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

// A ListFile is the path of a file with the name of a picture file on each line, as List
// reads it. It is read each time, so that the names take no memory.
type ListFile string

// Items yields the files that the list names. One that is gone is an item whose Read
// fails.
func (l ListFile) Items(context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		f, err := infile.Open(string(l))
		if err != nil {
			yield(Item{}, fmt.Errorf("%s: %w", string(l), err))
			return
		}
		defer f.Close()
		for name, err := range Lines(f) {
			if err != nil {
				yield(Item{}, fmt.Errorf("%s: %w", string(l), err))
				return
			}
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

// Folder lists the pictures of a folder and of those below it, by their names'
// endings, in the order of their names, with slashes on every system. Names that begin with a dot are left out, and
// links to folders are not followed. others is the number of files that are left out.
func Folder(dir string) (files Files, others int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && path != dir
		switch {
		case err != nil:
			return err
		case d.IsDir() && hidden:
			return filepath.SkipDir
		case d.IsDir():
		case hidden || !IsPicture(path) || leadsToFolder(path, d):
			others++
		default:
			files = append(files, filepath.ToSlash(path))
		}
		return nil
	})
	return files, others, err
}

// leadsToFolder reports whether an entry is a link to a folder.
func leadsToFolder(path string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
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

// List returns the names that Lines yields.
func List(r io.Reader) (names []string, err error) {
	for name, err := range Lines(r) {
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// Metadata lists the pictures of the metadata.jsonl of an imagefolder, as Hugging
// Face's datasets has it: each line's file_name, relative to the file's folder.
func Metadata(path string) (Files, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := List(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var files Files
	for i, line := range lines {
		var row struct {
			Name string `json:"file_name"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, i+1, jsonerr.Explain([]byte(line), err))
		}
		if row.Name == "" {
			return nil, fmt.Errorf("%s: row %d has no file_name, want the picture's path from the file's folder", path, i+1)
		}
		if !filepath.IsLocal(filepath.FromSlash(row.Name)) {
			return nil, fmt.Errorf("%s: row %d: file_name %q leads out of the file's folder", path, i+1, row.Name)
		}
		files = append(files, filepath.ToSlash(filepath.Join(filepath.Dir(path), row.Name)))
	}
	return files, nil
}
