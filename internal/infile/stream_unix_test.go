//go:build unix

package infile

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is far more than anything here takes.
const patience = 20 * time.Second

// soon fails the test if do does not return.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s does not return", what)
	}
}

func fifo(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenDoesNotWait(t *testing.T) {
	for path, want := range map[string]string{fifo(t): "is a pipe", "/dev/zero": "is a device"} {
		soon(t, "Open "+path, func() {
			if _, err := Open(path); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", path, err, want)
			}
			if _, err := Read(path, 1<<20); !errors.Is(err, ErrNotRegular) {
				t.Errorf("%s: error %v of Read", path, err)
			}
		})
	}
	soon(t, "OpenStream of a device", func() {
		if _, err := OpenStream(context.Background(), "/dev/zero"); !errors.Is(err, ErrNotRegular) {
			t.Errorf("error %v", err)
		}
	})
}

// TestStreamOfPipe reads what is written to a pipe, by its name and by that of an
// open end, as shells make it.
func TestStreamOfPipe(t *testing.T) {
	path := fifo(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	names := map[string]func() (*os.File, error){
		path: func() (*os.File, error) { return os.OpenFile(path, os.O_WRONLY, 0) },
	}
	if own := filepath.Join("/dev/fd", strconv.Itoa(int(r.Fd()))); exists(own) {
		names[own] = func() (*os.File, error) { return w, nil }
	}
	for name, open := range names {
		go func() {
			w, err := open()
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			io.WriteString(w, strings.Repeat("picture ", 30_000))
		}()
		soon(t, "reading "+name, func() {
			s, err := OpenStream(t.Context(), name)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			data, err := ReadAll(s, 0, 1<<20)
			if err != nil || len(data) != 240_000 {
				t.Errorf("%s: %d bytes, error %v", name, len(data), err)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestStreamEndsWithContext ends a context while a pipe has no writer, and while its
// writer is silent.
func TestStreamEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path := fifo(t)
	soon(t, "OpenStream without a writer", func() {
		time.AfterFunc(10*time.Millisecond, cancel)
		if _, err := OpenStream(ctx, path); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	ctx, cancel = context.WithCancel(t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	soon(t, "Read of a silent pipe", func() {
		in := Reader(ctx, r)
		io.WriteString(w, "abc")
		p := make([]byte, 2)
		for _, want := range []string{"ab", "c"} {
			if n, err := in.Read(p); err != nil || string(p[:n]) != want {
				t.Errorf("read %q, error %v, want %q", p[:n], err, want)
			}
		}
		time.AfterFunc(10*time.Millisecond, cancel)
		if n, err := in.Read(make([]byte, 8)); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes, error %v after the context", n, err)
		}
	})
}
