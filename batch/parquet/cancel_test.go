package parquet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/testctx"
)

// TestTablesEndWithTheirContext: wherever the caller leaves, a table's end is its own, and
// never that of its rows.
func TestTablesEndWithTheirContext(t *testing.T) {
	table := filepath.Join(t.TempDir(), "metadata.parquet")
	must(t, os.WriteFile(table, metadata(t)["columns with a dictionary"].Data, 0o644))
	for name, source := range map[string]batch.Source{"pictures": File{Path: "testdata/datasets.parquet"}, "names": Metadata(table)} {
		last := func(ctx context.Context) (err error) {
			for _, err = range source.Items(ctx) {
			}
			return err
		}
		const many = 1 << 20
		ctx := testctx.New(t.Context(), many)
		must(t, last(ctx))
		for n := range many - ctx.Left() {
			if err := last(testctx.New(t.Context(), n)); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: after %d looks: error %v, want %v", name, n, err, context.Canceled)
			}
		}
	}
}

// TestALeaverLeavesTheTable: a reader whose context ends while a file is opened, or a page is
// read, leaves no error to those who read the same.
func TestALeaverLeavesTheTable(t *testing.T) {
	const path = "testdata/datasets.parquet"
	in, err := os.Open(path)
	must(t, err)
	defer in.Close()
	for n := range int64(20) {
		var tables Tables
		_, err := tables.Row(testctx.New(t.Context(), n), in, File{Path: path}, "0")
		if err == nil {
			if n < 3 {
				t.Errorf("the row is read though its context ended after %d looks", n)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d looks: error %v, want %v", n, err, context.Canceled)
		}
		if _, err := tables.Row(t.Context(), in, File{Path: path}, "0"); err != nil {
			t.Errorf("after one who left at look %d: %v", n, err)
		}
	}
}
