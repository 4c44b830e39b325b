package parquet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// digests returns the digest of each row, or "" for one without bytes, of the rows that
// want picks.
func digests(t *testing.T, f File, want func(row int) bool) (all []string) {
	t.Helper()
	row := 0
	for item, err := range f.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if name := fmt.Sprintf("%s#%d", f.Path, row); item.Name != name {
			t.Errorf("row %d is named %s, want %s", row, item.Name, name)
		}
		digest := ""
		if !want(row) {
			digest = "not read"
		} else if data, err := item.Read(t.Context()); err == nil {
			sum := sha256.Sum256(data)
			digest = hex.EncodeToString(sum[:])
		} else if !strings.Contains(err.Error(), "has no bytes of a picture") {
			t.Fatalf("%s: %v", item.Name, err)
		}
		all = append(all, digest)
		row++
	}
	return all
}

// TestRowsAreThoseThatPyarrowReads: of files by datasets and pyarrow, also if only some
// rows are read.
func TestRowsAreThoseThatPyarrowReads(t *testing.T) {
	data, err := os.ReadFile("testdata/rows.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[string][]*string
	if err := json.Unmarshal(data, &golden); err != nil || len(golden) == 0 {
		t.Fatal(err)
	}
	for file, columns := range golden {
		for column, rows := range columns {
			for step := 1; step <= 3; step++ {
				var want []string
				for i, r := range rows {
					switch {
					case i%step != 0:
						want = append(want, "not read")
					case r == nil:
						want = append(want, "")
					default:
						want = append(want, *r)
					}
				}
				if column == DefaultColumn {
					column = ""
				}
				f := File{filepath.Join("testdata", file), column}
				if got := digests(t, f, func(row int) bool { return row%step == 0 }); !slices.Equal(got, want) {
					t.Errorf("%s, column %q, each row of %d: got\n%q\nwant\n%q", file, column, step, got, want)
				}
			}
		}
	}
}

// TestWrongColumnsAreRefused, with the names of those that are there.
func TestWrongColumnsAreRefused(t *testing.T) {
	for column, want := range map[string]string{
		"":                   `no column "image", want one of pictures; it has "photo", "caption", "views", "nested"`,
		"photo.bytes":        `no column "photo.bytes"`,
		"caption":            `column "caption" is of type STRING`,
		"views":              `column "views" is a structure without a member bytes`,
		"nested":             `column "nested" is a structure without a member bytes`,
		"nested.size":        `column "nested.size" is of type INT32`,
		"views.list.element": `column "views.list.element" has lists`,
	} {
		f := File{"testdata/dictionary.parquet", column}
		for _, err := range f.Items(t.Context()) {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("column %q: error %v, want %s", column, err, want)
			}
		}
	}
}

// TestBrokenFilesAreErrors: a file that is cut or has wrong bytes gives errors, no panic,
// and no rows more than it has.
func TestBrokenFilesAreErrors(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, column := range map[string]string{"datasets.parquet": "", "dictionary.parquet": "photo", "pages.parquet": "", "version-1.0.parquet": "RLE_DICTIONARY-lz4", "version-2.0.parquet": "DELTA_BYTE_ARRAY-none"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		for n := range 300 {
			data := slices.Clone(whole)
			if n < 20 {
				data = data[:len(data)*n/20]
			} else {
				for range 1 + random.IntN(3) {
					data[random.IntN(len(data))] = byte(random.Uint32())
				}
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			failed := readAll(t, File{path, column})
			if n < 20 && failed == nil {
				t.Errorf("%s, cut to %d bytes: no error", name, len(data))
			}
		}
	}
}

// readAll reads all rows and returns the error of the file.
func readAll(t *testing.T, f File) error {
	t.Helper()
	for item, err := range f.Items(t.Context()) {
		if err != nil {
			return err
		}
		if data, err := item.Read(t.Context()); err == nil && len(data) > batch.MaxFile {
			t.Errorf("%s: %d bytes", item.Name, len(data))
		}
	}
	return nil
}

// TestNames of Parquet files.
func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"a.parquet": true, "dir/A.PARQUET": true, "a.parquet.gz": false, "parquet": false} {
		if IsParquet(name) != want {
			t.Errorf("IsParquet(%q) is %v, want %v", name, !want, want)
		}
	}
}
