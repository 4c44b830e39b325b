package gguf

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// copyOurs opens a copy of a file that may be changed.
func copyOurs(t *testing.T) (f *File, path string) {
	t.Helper()
	data, err := os.ReadFile("testdata/ours.gguf")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "ours.gguf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, path
}

func TestMap(t *testing.T) {
	f := openOurs(t)
	data, err := f.Map()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("files are not mapped on this system")
	}
	if err != nil || int64(len(data)) != f.Size() || cap(data) != len(data) {
		t.Fatalf("%d bytes of %d, error %v", len(data), f.Size(), err)
	}
	for _, x := range f.Tensors() {
		if want, err := f.Bytes(x.Name); err != nil || !bytes.Equal(data[x.Offset:][:x.Size], want) {
			t.Errorf("%s: other bytes than are read, %v", x.Name, err)
		}
	}
	if again, err := f.Map(); err != nil || &again[0] != &data[0] {
		t.Errorf("a second mapping, %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Map(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := openBytes(t, head(0, 0)).Map(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("of a file in memory: %v", err)
	}
}

// TestShortenedFile: what is read of a file that was shortened meanwhile is an error,
// not the end of the process.
func TestShortenedFile(t *testing.T) {
	f, path := copyOurs(t)
	if err := f.Changed(); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := os.Truncate(path, f.DataOffset()+1); err != nil {
		t.Fatal(err)
	}
	if err := f.Changed(); !errors.Is(err, ErrChanged) {
		t.Errorf("Changed: %v", err)
	}
	if _, err := f.Bytes("four"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Bytes: %v", err)
	}
	r, err := f.Reader("four")
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := io.ReadAll(r); int64(len(data)) == r.Size() {
		t.Error("Reader has all bytes")
	}
}

func TestOverwrittenFile(t *testing.T) {
	f, path := copyOurs(t)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if err := f.Changed(); !errors.Is(err, ErrChanged) {
		t.Errorf("written to: %v", err)
	}
	f, path = copyOurs(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", data[:9], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Skip("an open file is not replaced on this system")
	}
	if err := f.Changed(); err != nil {
		t.Errorf("another file has its name: %v", err)
	}
}

func TestReadTensorChecksItsRange(t *testing.T) {
	f := openOurs(t)
	x, err := f.Tensor("four")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := f.Bytes("four")
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 7)
	if err := f.ReadTensor(x, p, 5); err != nil || !bytes.Equal(p, whole[5:12]) {
		t.Errorf("got %x, %v", p, err)
	}
	for _, from := range []int64{-1, x.Size - 6, x.Size + 1, 1 << 62} {
		if err := f.ReadTensor(x, p, from); err == nil {
			t.Errorf("7 bytes from %d of %d are read", from, x.Size)
		}
	}
}
