package merge

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
)

// TestJoiningEndsWithItsContext: whenever the caller leaves, what was joined so far is not
// there as the whole. Each record is looked at again in each step.
func TestJoiningEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	shard, out := filepath.Join(dir, "0.jsonl"), filepath.Join(dir, "out.jsonl")
	names := []string{"a.png", "b.png", "c.png"}
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(line(t, name, "ocr", "x", nil))
	}
	must(t, os.WriteFile(shard, []byte(lines.String()), 0o600))
	list := func(yield func(string, error) bool) {
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
	for _, list := range []func(func(string, error) bool){nil, list} {
		n := 0
		for ; ; n++ {
			ctx := testctx.New(t.Context(), int64(n))
			set, err := Open(ctx, shard)
			if err == nil {
				_, err = set.Write(ctx, out, false, list, func(Missing) error { return nil })
				must(t, set.Close())
			}
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("after %d looks: error %v, want %v", n, err, context.Canceled)
			}
			if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("after %d looks a file is there: %v", n, err)
			}
		}
		if n < 4*len(names) { // read, listed, put into order, written
			t.Errorf("%d looks at the context, want %d or more", n, 4*len(names))
		}
		must(t, os.Remove(out))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
