package parquet

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/pgcli/paligemma/internal/allocation"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/testctx"
)

// emptyPages returns pages without rows, and after them one with a row.
func emptyPages(t testing.TB, n int) []byte {
	t.Helper()
	h, body := plainPage("a picture")
	last, err := thrift.Marshal(new(thrift.CompactProtocol), h)
	must(t, err)
	h.DataPageHeader.V.NumValues, h.CompressedPageSize, h.UncompressedPageSize = 0, 0, 0
	empty, err := thrift.Marshal(new(thrift.CompactProtocol), h)
	must(t, err)
	return slices.Concat(bytes.Repeat(empty, n), last, body)
}

// written makes a file of pages, which are those of many groups of rows.
func written(t testing.TB, pages []byte, groups int) (path string, size int) {
	t.Helper()
	var whole bytes.Buffer
	must(t, parquet.Write(&whole, []struct {
		Image []byte `parquet:"image,plain"`
	}{{[]byte("a picture")}}))
	f, err := parquet.OpenFile(bytes.NewReader(whole.Bytes()), int64(whole.Len()))
	must(t, err)
	meta := *f.Metadata()
	column := &meta.RowGroups[0].Columns[0].MetaData
	column.DataPageOffset, column.DictionaryPageOffset, column.TotalCompressedSize = 4, 0, int64(len(pages))
	meta.RowGroups = slices.Repeat(meta.RowGroups, groups)
	meta.NumRows = int64(groups)
	path = filepath.Join(t.TempDir(), "a.parquet")
	data := finish(t, append([]byte("PAR1"), pages...), &meta)
	must(t, os.WriteFile(path, data, 0o600))
	return path, len(data)
}

// TestEmptyPagesTakeNothing: pages without rows are passed over, however many there are.
func TestEmptyPagesTakeNothing(t *testing.T) {
	path, _ := written(t, emptyPages(t, 50), 1)
	in, err := infile.Open(path)
	must(t, err)
	defer in.Close()
	table, err := File{}.open(t.Context(), in)
	must(t, err)
	if data, err := table.row(t.Context(), in, 0); err != nil || string(data) != "a picture" || len(table.chunks[0].pages) != 1 {
		t.Errorf("read %q, error %v, and %d pages are kept", data, err, len(table.chunks[0].pages))
	}
}

// TestGroupsOfRowsShareNoPages: a small file whose groups of rows all have the same pages would
// take as much as all of them.
func TestGroupsOfRowsShareNoPages(t *testing.T) {
	path, size := written(t, emptyPages(t, 2000), 500)
	allocation.Bound(t, size, func() {
		for item, err := range (File{Path: path}).Items(t.Context()) {
			if err == nil || !strings.Contains(err.Error(), `column "image": two groups of rows have byte 4, want bytes of its own for each`) {
				t.Fatalf("%s: error %v, want one about bytes of two groups", item.Name, err)
			}
		}
	})
}

// TestPagesAreCounted over all groups of rows.
func TestPagesAreCounted(t *testing.T) {
	data := emptyPages(t, 1)
	of := &format.ColumnMetaData{TotalCompressedSize: int64(len(data)), NumValues: 1}
	f := &finder{in: bytes.NewReader(data), size: int64(len(data)), pages: maxPages - 2}
	pages, err := f.pagesOf(t.Context(), of)
	if err != nil || len(pages) != 1 {
		t.Errorf("%d pages, error %v, want the one with a row", len(pages), err)
	}
	if _, err := f.pagesOf(t.Context(), of); err == nil || !strings.Contains(err.Error(), "more than 524288 pages") {
		t.Errorf("error %v, want one about the number of pages", err)
	}
}

// TestOpeningEndsWithItsContext between two pages.
func TestOpeningEndsWithItsContext(t *testing.T) {
	path, _ := written(t, emptyPages(t, 100), 1)
	in, err := infile.Open(path)
	must(t, err)
	defer in.Close()
	for _, left := range []int64{0, 50} {
		ctx := testctx.New(t.Context(), left)
		if _, err := open(ctx, in, File{}.column); !errors.Is(err, context.Canceled) || ctx.Late() != 1 {
			t.Errorf("after %d looks: error %v, %d looks at a context that is over, want 1", left, err, ctx.Late())
		}
	}
}
