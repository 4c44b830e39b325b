package infile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := Read(path, 10); err != nil || string(data) != "0123456789" {
		t.Errorf("read %q, error %v", data, err)
	}
	if _, err := Read(path, 9); !errors.Is(err, ErrTooLong) || !strings.HasPrefix(err.Error(), path+": has more than 9 bytes") {
		t.Errorf("with a limit of 9: error %v", err)
	}
	if _, err := Read(path+"x", 9); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: error %v", err)
	}
	if _, err := Read(filepath.Dir(path), 9); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("folder: error %v", err)
	}
}

// TestReadAllAtEveryLength reads lengths around the limit and the buffer, whatever
// length was expected.
func TestReadAllAtEveryLength(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000} {
		data := bytes.Repeat([]byte("x"), n)
		for _, likely := range []int64{-1, 0, 1, int64(n), int64(n) + 5} {
			got, err := ReadAll(bytes.NewReader(data), likely, int64(n))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %d expected: got %d, error %v", n, likely, len(got), err)
			}
			if n > 0 {
				if _, err := ReadAll(bytes.NewReader(data), likely, int64(n)-1); !errors.Is(err, ErrTooLong) {
					t.Errorf("%d bytes with a limit of %d: error %v", n, n-1, err)
				}
			}
		}
	}
}
