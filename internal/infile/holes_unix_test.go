//go:build linux || freebsd || darwin

package infile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestHoles opens files with and without enough data for their size.
func TestHoles(t *testing.T) {
	const mega = 1 << 20
	for _, c := range []struct {
		name       string
		data, size int64
		ok         bool
	}{
		{"small", 1, smallHoles, true},
		{"as large as its data allows", 4 * mega, smallHoles + 4*timesData*mega, true},
		{"larger", 4 * mega, smallHoles + 4*timesData*mega + 16*mega, false},
		{"a terabyte", 4 * mega, 1 << 40, false},
	} {
		path := filepath.Join(t.TempDir(), "f")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(bytes.Repeat([]byte("x"), int(c.data)), c.size/2&^(mega-1)) // holes before and behind it
		if err = errors.Join(err, f.Truncate(c.size), f.Close()); err != nil {
			t.Skip(err) // a file system with a limit
		}
		if info, err := os.Stat(path); err != nil || info.Size() != c.size {
			t.Fatalf("%s: %v, %v", c.name, info, err)
		}
		in, err := Open(path)
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrHoles) {
			t.Errorf("%s: error %v", c.name, err)
		}
		if err == nil {
			if at, err := in.Seek(0, io.SeekCurrent); at != 0 || err != nil {
				t.Errorf("%s: reading begins at %d, %v", c.name, at, err)
			}
			in.Close()
		}
	}
}
