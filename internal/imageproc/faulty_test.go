package imageproc

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/internal/faulty"
)

// TestFailingReads reads a picture of each format a byte at a time, whole and with a disk that
// fails: the picture is the same, or the error is the disk's.
func TestFailingReads(t *testing.T) {
	files, err := filepath.Glob("testdata/pictures/*")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, path := range files {
		if format := filepath.Ext(path); seen[format] {
			continue
		} else {
			seen[format] = true
		}
		file := picture(t, filepath.Base(path))
		want, err := Read(t.Context(), bytes.NewReader(file), 0)
		if err != nil {
			continue // a kind that is refused
		}
		got, err := Read(t.Context(), (&faulty.File{Content: file, At: len(file), Err: io.EOF}).Reader(), 0)
		if err != nil || !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("%s, a byte at a time: error %v", path, err)
		}
		for _, at := range []int{0, 1, len(file) / 2, len(file) - 1, len(file)} {
			m, err := Read(t.Context(), (&faulty.File{Content: file, At: at, Err: faulty.ErrRead}).Reader(), 0)
			if m != nil || !errors.Is(err, faulty.ErrRead) {
				t.Errorf("%s, byte %d: %v, error %v", path, at, m != nil, err)
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("%d formats", len(seen))
	}
}
