package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// An error of the disk is reported as itself, not as a bad file; a reader that
// is shorter than its size is a bad file.
func TestReadErrors(t *testing.T) {
	file := head(1, 1).text("a").u32(8).text("text").tensor("t", F32, 0, 1).data(32)
	size := int64(len(file))
	if _, err := New(brokenReader{bytes.NewReader(file), 30}, size); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	var bad *FormatError
	if _, err := New(bytes.NewReader(file[:30]), size); !errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
	f := openBytes(t, file)
	f.src = brokenReader{bytes.NewReader(file), 0}
	if _, err := f.Value("a"); !errors.Is(err, errDisk) {
		t.Errorf("Value: %v", err)
	}
	if _, err := f.Bytes("t"); !errors.Is(err, errDisk) {
		t.Errorf("Bytes: %v", err)
	}
	f.src = bytes.NewReader(nil)
	if _, err := f.Bytes("t"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Bytes: %v", err)
	}
	if _, err := New(bytes.NewReader(nil), -1); err == nil {
		t.Error("a negative size opens")
	}
}

// Long names are shortened in errors.
func TestErrorLength(t *testing.T) {
	key := strings.Repeat("k", 60000)
	file := head(0, 1).text(key).u32(7).u8(7)
	_, err := New(bytes.NewReader(file), int64(len(file)))
	if n := len(fmt.Sprint(err)); n > 300 {
		t.Errorf("an error of %d bytes", n)
	}
}

// brokenReader fails after limit bytes.
type brokenReader struct {
	r     io.ReaderAt
	limit int64
}

var errDisk = errors.New("disk error")

func (b brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.limit {
		return 0, errDisk
	}
	return b.r.ReadAt(p, off)
}
