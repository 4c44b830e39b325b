package gguf

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
)

// longHeaders have a MiB of one kind of value each. size is that of the values.
func longHeaders() map[string]raw {
	const size = 1 << 20
	return map[string]raw{
		"bools":         append(head(0, 1).text("a").u32(9).u32(7).u64(size), make(raw, size)...),
		"bytes":         append(head(0, 1).text("a").u32(9).u32(0).u64(size), make(raw, size)...),
		"empty strings": append(head(0, 1).text("a").u32(9).u32(8).u64(size/8), make(raw, size)...),
		"a string":      head(0, 1).text("a").u32(8).text(strings.Repeat("ä", size/2)),
	}
}

// TestOpeningEndsWithItsContext: reading a long header looks at the context all along, and
// its end is not a fault of the file. What is open does not depend on the context.
func TestOpeningEndsWithItsContext(t *testing.T) {
	for name, header := range longHeaders() {
		path := filepath.Join(t.TempDir(), "a.gguf")
		if err := os.WriteFile(path, header, 0o600); err != nil {
			t.Fatal(err)
		}
		whole := testctx.New(t.Context(), math.MaxInt32)
		f, err := Open(whole, path)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		looks := math.MaxInt32 - whole.Left()
		if least := int64(len(header)) >> 20; looks < least || name != "a string" && looks < 16*least {
			t.Errorf("%s: %d looks at the context, want one in 64 KiB, or in a MiB of one string", name, looks)
		}
		for n := range looks {
			ctx := testctx.New(t.Context(), n)
			var bad *FormatError
			if _, err := Open(ctx, path); !errors.Is(err, context.Canceled) || errors.As(err, &bad) || ctx.Late() > 1 {
				t.Fatalf("%s, a context that ends after %d of %d looks: error %v, %d looks later", name, n, looks, err, ctx.Late())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		if f, err = Open(ctx, path); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := f.Value("a"); err != nil {
			t.Errorf("%s: %v, once the context of opening is over", name, err)
		}
		f.Close()
	}
}
