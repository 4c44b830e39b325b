package hub

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
)

// TestHashingEndsWithItsContext: a file that is complete, or the start of one, is no longer
// read once the context is over, and stays as it is.
func TestHashingEndsWithItsContext(t *testing.T) {
	const size = 1 << 20
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := File{Path: "f", Size: size}
	for name, call := range map[string]func(context.Context) error{
		"the start of a file": func(ctx context.Context) error {
			_, err := (&partial{file: file}).resume(ctx, f)
			return err
		},
		"a complete file": func(ctx context.Context) error {
			return (&Hub{}).settle(ctx, file, &part{File: f}, nil)
		},
	} {
		for looks := range int64(8) {
			ctx := testctx.New(t.Context(), looks)
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if err := call(ctx); !errors.Is(err, context.Canceled) || ctx.Late() > 1 {
				t.Errorf("%s, a context that ends after %d looks: error %v, %d looks later", name, looks, err, ctx.Late())
			}
		}
		if info, err := file.Stat(); err != nil || info.Size() != size {
			t.Fatalf("%s: there are %d bytes, %v, want %d", name, info.Size(), err, size)
		}
	}
}
