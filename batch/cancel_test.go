package batch_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/testctx"
)

// TestSourcesEndWithTheirContext: the end of a context is no row's or file's fault.
func TestSourcesEndWithTheirContext(t *testing.T) {
	dir := t.TempDir()
	picture, rows, blank := filepath.Join(dir, "a.png"), filepath.Join(dir, "metadata.jsonl"), filepath.Join(dir, "metadata.csv")
	must(t, os.WriteFile(picture, make([]byte, 3<<20), 0o644))
	must(t, os.WriteFile(rows, []byte(strings.Repeat("{\"file_name\":\"a.png\"}\n", 100)), 0o644))
	must(t, os.WriteFile(blank, []byte("file_name\n"+strings.Repeat("\n", 1<<20)+"\"not closed"), 0o644))
	for item, err := range (batch.Files{picture}).Items(t.Context()) {
		must(t, err)
		if _, err := item.Read(testctx.New(t.Context(), 2)); !errors.Is(err, context.Canceled) {
			t.Errorf("a file of 3 MiB: error %v, want %v", err, context.Canceled)
		}
	}
	for name, source := range map[string]batch.Source{
		"rows":                 batch.Metadata(rows),
		"blank lines":          batch.Metadata(blank),
		"others of a shard":    batch.First([]batch.Source{endless{}}, batch.Shard{Index: 1, Of: 2}, 1)[0],
		"no others of a shard": batch.First([]batch.Source{batch.Metadata(rows)}, batch.Shard{Index: 0, Of: 1}, 50)[0],
	} {
		var last error
		for _, err := range source.Items(testctx.New(t.Context(), 20)) {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%s: error %v, want %v", name, last, context.Canceled)
		} else if strings.Contains(last.Error(), "row") {
			t.Errorf("%s: %v names a row", name, last)
		}
	}
}

// endless is a source of a million pictures of one shard, which looks at no context.
type endless struct{}

func (endless) Items(context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) {
		item := batch.Item{Name: "0"}
		for i := byte('1'); (batch.Shard{Index: 1, Of: 2}).Has(item.Name); i++ {
			item.Name = string(rune(i))
		}
		for range 1_000_000 {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// TestFilesOfRecordsEndWithTheirContext: a file that is opened or put into order for nobody
// stays as it is.
func TestFilesOfRecordsEndWithTheirContext(t *testing.T) {
	path, id := filepath.Join(t.TempDir(), "out.jsonl"), batch.Identity{Model: "model"}
	out, err := batch.Open(t.Context(), path, id, false)
	must(t, err)
	names := []string{"c", "b", "a"}
	for _, name := range names {
		_, err := out.Add(batch.Failed(&id, batch.Item{Name: name}, "ocr", record.KindRead, errors.New("gone")))
		must(t, err)
	}
	must(t, out.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	slices.Sort(names)
	for step, do := range map[string]func(context.Context) error{
		"open": func(ctx context.Context) error {
			out, err := batch.Open(ctx, path, id, false)
			if err == nil {
				must(t, out.Close())
			}
			return err
		},
		"put into order": func(ctx context.Context) error {
			out, err := batch.Open(t.Context(), path, id, false)
			must(t, err)
			_, err = out.Arrange(ctx, []batch.Source{batch.Files(names)}, []paligemma.Prompt{"ocr"}, nil)
			return errors.Join(err, out.Close())
		},
	} {
		n := int64(0)
		for ; ; n++ {
			ctx := testctx.New(t.Context(), n)
			err := do(ctx)
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: after %d looks: error %v, want %v", step, n, err, context.Canceled)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, before) {
				t.Fatalf("%s: after %d looks: the file is another one (%v): %s", step, n, err, now)
			}
		}
		if least := int64(len(names)) * map[string]int64{"open": 1, "put into order": 2}[step]; n < least {
			t.Errorf("%s: %d looks at the context, want %d or more", step, n, least)
		}
		must(t, os.WriteFile(path, before, 0o600))
	}
}
