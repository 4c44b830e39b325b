package convert_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
)

// TestFailureLeavesTheOldFile checks the files around a conversion that fails or is
// interrupted: an older output keeps its bytes, and nothing new is left.
func TestFailureLeavesTheOldFile(t *testing.T) {
	src := write(t, hf)
	dir := t.TempDir()
	dst := filepath.Join(dir, "out.gguf")
	convertTo := func(ctx context.Context, dst string, o convert.Options) error {
		o.Type = "f16"
		_, err := convert.Run(ctx, src, dst, o)
		return err
	}
	old := []byte("an old file")
	if err := os.WriteFile(dst, old, 0o666); err != nil {
		t.Fatal(err)
	}
	unchanged := func(what string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: %d files are left, want the old one (%v)", what, len(entries), err)
		}
		if data, err := os.ReadFile(dst); err != nil || !bytes.Equal(data, old) {
			t.Errorf("%s: the old file is %.20q, %v", what, data, err)
		}
	}
	if err := convertTo(t.Context(), dst, convert.Options{}); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("an existing output gives %v", err)
	}
	unchanged("existing")

	total := 0
	if err := convertTo(t.Context(), filepath.Join(t.TempDir(), "x"), convert.Options{Progress: func(convert.Progress) { total++ }}); err != nil {
		t.Fatal(err)
	}
	for stop := 0; stop < total; stop += 1 + stop/8 { // interrupted after a chunk of the beginning, the middle, the end
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		o := convert.Options{Force: true, Threads: 2, Progress: func(convert.Progress) {
			if n++; n == stop {
				cancel()
			}
		}}
		if stop == 0 {
			cancel()
		}
		if err := convertTo(ctx, dst, o); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted after %d of %d chunks: %v", stop, total, err)
		}
		unchanged(fmt.Sprintf("interrupted after %d of %d chunks", stop, total))
		cancel()
	}

	for _, input := range []string{"model.safetensors", "config.json", "tokenizer.model"} {
		path := filepath.Join(src, input)
		if err := convertTo(t.Context(), path, convert.Options{Force: true}); err == nil || !strings.Contains(err.Error(), "is an input") {
			t.Errorf("writing to %s gives %v", input, err)
		}
	}
	if err := convertTo(t.Context(), filepath.Join(dir, "missing", "x.gguf"), convert.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder gives %v", err)
	}
	if err := convertTo(t.Context(), dst, convert.Options{Force: true, Verify: true}); err != nil {
		t.Errorf("replacing the old file: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files after success, want 1", len(entries))
	}
}
