package parquet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go/format"

	"github.com/pgcli/paligemma/internal/allocation"
)

// TestSingleRows: rows that several goroutines read in any order, of more files than are
// kept, are those that pyarrow reads.
func TestSingleRows(t *testing.T) {
	data, err := os.ReadFile("testdata/rows.json")
	must(t, err)
	var golden map[string]map[string][]*string
	must(t, json.Unmarshal(data, &golden))
	type question struct {
		file File
		row  int
		want *string
	}
	var all []question
	for name, columns := range golden {
		for column, rows := range columns {
			for i, want := range rows {
				all = append(all, question{File{filepath.Join("testdata", name), column}, i, want})
			}
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var tables Tables
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for _, q := range all[part*len(all)/4 : (part+1)*len(all)/4] {
				in, err := os.Open(q.file.Path)
				if err != nil {
					t.Error(err)
					return
				}
				data, err := tables.Row(t.Context(), in, q.file, fmt.Sprint(q.row))
				in.Close()
				sum := sha256.Sum256(data)
				switch {
				case q.want == nil && (err == nil || !strings.Contains(err.Error(), "has no bytes of a picture")):
					t.Errorf("%v, row %d: %q, error %v, want one about no bytes", q.file, q.row, data, err)
				case q.want != nil && (err != nil || hex.EncodeToString(sum[:]) != *q.want):
					t.Errorf("%v, row %d: got %x, %v, want %s", q.file, q.row, sum, err, *q.want)
				}
			}
		})
	}
	group.Wait()
}

// TestWrongRows, and those of a file that is another one now.
func TestWrongRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	var tables Tables
	row := func(member string) string {
		in, err := os.Open(path)
		must(t, err)
		defer in.Close()
		data, err := tables.Row(t.Context(), in, File{Path: path}, member)
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	for i, text := range []string{"a picture", "b picture"} {
		h, body := plainPage(text)
		must(t, os.WriteFile(path, forge(t, h, body, nil), 0o600))
		must(t, os.Chtimes(path, time.Time{}, time.Unix(int64(i), 0)))
		for member, want := range map[string]string{"0": text, "1": "the table has 1 rows, and no row 1", "-1": `row "-1" is no number from 0`, "01": "is no number", "": "is no number"} {
			if got := row(member); !strings.Contains(got, want) {
				t.Errorf("row %q: got %q, want %q", member, got, want)
			}
		}
	}
	must(t, os.WriteFile(path, []byte("no table, and long enough"), 0o600))
	for range 2 {
		if got := row("0"); !strings.Contains(got, "want PAR1") {
			t.Errorf("of no table: %q", got)
		}
	}
}

// reads counts what is read of a file.
type reads struct {
	io.ReaderAt
	calls int
	bytes int64
}

func (r *reads) ReadAt(p []byte, at int64) (int, error) {
	r.calls++
	r.bytes += int64(len(p))
	return r.ReaderAt.ReadAt(p, at)
}

// TestARowCostsItsPage: a row is read without the others of its group, but the dictionary,
// and rows that follow each other read each page once.
func TestARowCostsItsPage(t *testing.T) {
	for column, dictionaries := range map[string]int{"PLAIN-none": 0, "DELTA_BYTE_ARRAY-zstd": 0, "RLE_DICTIONARY-snappy": 3} {
		in, err := os.Open("testdata/version-1.0.parquet")
		must(t, err)
		defer in.Close()
		table, err := File{Column: column}.open(t.Context(), in)
		must(t, err)
		c := table.chunks[1]
		last := &c.pages[len(c.pages)-1]
		want := last.length
		if dictionaries > 0 {
			want += c.pages[0].length
		}
		r := &reads{ReaderAt: in}
		if _, err := table.row(t.Context(), r, 11); err != nil || r.bytes != want || len(c.pages) < 3 {
			t.Errorf("%s: %d bytes are read for a row, error %v, want %d, of a group of %d pages", column, r.bytes, err, want, len(c.pages))
		}
		table, err = File{Column: column}.open(t.Context(), in)
		must(t, err)
		r = &reads{ReaderAt: in}
		pages := 0
		for _, c := range table.chunks {
			pages += len(c.pages)
		}
		for row := range int64(15) {
			if _, err := table.row(t.Context(), r, row); err != nil && row%7 != 3 {
				t.Errorf("%s: row %d: %v", column, row, err)
			}
		}
		if r.calls != pages {
			t.Errorf("%s: %d reads of all rows, want one for each of %d pages", column, r.calls, pages)
		}
	}
}

// TestValuesThatGrow: prefixes of prefixes that would fill memory are an error before they do.
func TestValuesThatGrow(t *testing.T) {
	// Each value is as the one before it and a byte more. Differences of 1 take blocks of a byte,
	// and widths of 0.
	var body []byte
	const n = 15000                      // some 110 MB together
	for _, first := range []byte{0, 2} { // lengths of prefixes from 0, of suffixes 1: zigzag
		body = append(binary.AppendUvarint(append(body, 128, 1, 4), n), first)
		for range (n + 126) / 128 {
			body = append(body, 2-first, 0, 0, 0, 0)
		}
	}
	body = append(body, make([]byte, n)...)
	allocation.Bound(t, len(body), func() {
		_, err := valuesOf(&page{values: n, encoding: format.DeltaByteArray, length: int64(len(body))}, body, nil, 0, nil)
		if err == nil || !strings.Contains(err.Error(), "bytes or more, want at most") {
			t.Errorf("error %v, want one about its bytes", err)
		}
	})
}

// FuzzValues: no page makes the reader panic, or take much memory.
func FuzzValues(f *testing.F) {
	in, err := os.Open("testdata/version-1.0.parquet")
	must(f, err)
	defer in.Close()
	for _, column := range []string{"PLAIN-none", "RLE_DICTIONARY-none", "DELTA_LENGTH_BYTE_ARRAY-none", "DELTA_BYTE_ARRAY-none"} {
		table, err := File{Column: column}.open(context.Background(), in)
		must(f, err)
		for _, p := range table.chunks[0].pages {
			data, _, err := p.unpack(context.Background(), in, format.Uncompressed)
			must(f, err)
			f.Add(uint8(p.encoding), uint16(p.values), uint8(1), data)
		}
	}
	f.Fuzz(func(t *testing.T, encoding uint8, rows uint16, most uint8, data []byte) {
		allocation.Bound(t, len(data), func() {
			p := &page{encoding: format.Encoding(encoding), values: int64(rows), levels: -1}
			dictionary, _ := dictionaryOf(&page{values: int64(rows)}, data)
			if v, err := valuesOf(p, data, nil, int(most), dictionary); err == nil {
				for i := range int64(rows) {
					_, _ = v.row(i)
				}
			}
		})
	})
}
