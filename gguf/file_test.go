package gguf

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const oursPath = "testdata/ours.gguf"

func openOurs(t *testing.T) *File {
	t.Helper()
	f, err := Open(t.Context(), filepath.FromSlash(oursPath))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestGet(t *testing.T) {
	f := openOurs(t)
	if v, err := Get[uint32](f, "general.alignment"); v != 128 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
	if v, err := Get[[]string](f, "value.24"); strings.Join(v, "|") != "<pad>||▁a" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	if v, err := Get[[]bool](f, "value.23"); len(v) != 3 || !v[0] || v[1] || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
	if _, err := Get[string](f, "no.such"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `key "no.such"`) {
		t.Errorf("got %v", err)
	}
	if f.Has("no.such") || !f.Has("general.alignment") {
		t.Error("Has is wrong")
	}
	if _, err := f.Value("no.such"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for want, get := range map[string]func() error{
		`key "general.alignment" holds uint32, want int32`:    func() error { _, err := Get[int32](f, "general.alignment"); return err },
		`key "general.alignment" holds uint32, want []uint32`: func() error { _, err := Get[[]uint32](f, "general.alignment"); return err },
		`key "value.24" holds []string, want string`:          func() error { _, err := Get[string](f, "value.24"); return err },
	} {
		var bad *TypeError
		if err := get(); !errors.As(err, &bad) || err.Error() != "gguf: "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A value is the caller's: changing it changes nothing in the File.
func TestValueIsCopied(t *testing.T) {
	f := openOurs(t)
	a, err := Get[[]uint8](f, "value.13")
	if err != nil {
		t.Fatal(err)
	}
	a[0] = 77
	if b, err := Get[[]uint8](f, "value.13"); err != nil || b[0] != 0 {
		t.Errorf("got %v, %v", b, err)
	}
	f.Keys()[0].Name = "changed"
	f.Tensors()[0].Name = "changed"
	if f.Keys()[0].Name == "changed" || f.Tensors()[0].Name == "changed" {
		t.Error("Keys or Tensors is shared")
	}
}

func TestReader(t *testing.T) {
	f := openOurs(t)
	for _, x := range f.Tensors() {
		want, err := f.Bytes(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if cap(want) != len(want) {
			t.Errorf("%s: append would write to the next tensor", x.Name)
		}
		r, err := f.Reader(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", x.Name, len(got), err)
		}
	}
	if _, err := f.Tensor("none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := f.Bytes("none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := f.Reader("none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// Open allocates for the keys and tensors, not for the elements of arrays.
func TestOpenIsLazy(t *testing.T) {
	var buf bytes.Buffer
	w := NewWriter(&buf)
	w.Add("tokenizer.ggml.tokens", strings.Split(strings.Repeat("piece ", 20000), " "))
	if err := w.WriteHeader(); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(5, func() { openBytes(t, buf.Bytes()) }); n > 100 {
		t.Errorf("%v allocations for one key", n)
	}
}

func TestClose(t *testing.T) {
	f := openOurs(t)
	r, err := f.Reader("four")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), f.Close(), (*File)(nil).Close()); err != nil {
		t.Error(err)
	}
	_, err1 := f.Bytes("four")
	_, err2 := Get[string](f, "general.architecture")
	_, err3 := r.Read(make([]byte, 1))
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	_, err := Open(t.Context(), dir)
	wantError(t, err, "is a folder, want a regular file")
	for name, content := range map[string]string{"empty": "", "short": "GGUF", "text": strings.Repeat("hello ", 99)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), path)
		var bad *FormatError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A File is read by many goroutines while one closes it: all reads end with
// the right bytes or with ErrClosed. Run with -race.
func TestConcurrent(t *testing.T) {
	f := openOurs(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				v, err := Get[[]string](f, "value.24")
				if errors.Is(err, os.ErrClosed) {
					return
				}
				if err != nil || len(v) != 3 {
					t.Errorf("got %q, %v", v, err)
					return
				}
				r, err := f.Reader("four")
				if err != nil {
					t.Error(err)
					return
				}
				if b, err := io.ReadAll(r); err == nil && !bytes.Equal(b, pattern("four", 60)) {
					t.Errorf("got %x", b)
					return
				}
			}
		})
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
