package batch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/internal/infile"
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
	read := func(ctx context.Context) ([]byte, error) {
		data, err := infile.ReadContext(ctx, name, MaxFile)
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

// IsLine reports whether Lines yields a name as it is, if it is on a line of its own.
func IsLine(name string) bool {
	return strings.TrimSpace(name) != "" && !strings.ContainsAny(name, "\n\x00") && !strings.HasSuffix(name, "\r") && len(name) < maxName
}

// Lines yields the names on the lines of r, without blank ones. It ends with the first
// error.
func Lines(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		lines := textfile.NewScanner(r)
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
