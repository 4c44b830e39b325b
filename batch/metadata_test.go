package batch_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// metadataOf writes a file of metadata to a new folder, and returns the names of its pictures
// relative to that.
func metadataOf(t *testing.T, name string, data []byte) (names []string, failed error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	must(t, os.WriteFile(path, data, 0o644))
	for item, err := range batch.Metadata(path).Items(t.Context()) {
		if err != nil {
			return names, err
		}
		inside, err := filepath.Rel(dir, item.Name)
		must(t, err)
		names = append(names, filepath.ToSlash(inside))
	}
	return names, nil
}

// TestMetadataIsThatOfDatasets: lines and tables name the pictures that datasets finds, and
// those in which it finds none are errors.
func TestMetadataIsThatOfDatasets(t *testing.T) {
	golden, err := os.ReadFile("testdata/imagefolder.json")
	must(t, err)
	var cases map[string]struct {
		File  string
		Data  []byte
		Names []string
	}
	must(t, json.Unmarshal(golden, &cases))
	compared := 0
	for name, c := range cases {
		if !batch.IsMetadata(c.File) { // package parquet's
			continue
		}
		compared++
		got, err := metadataOf(t, c.File, c.Data)
		if c.Names == nil && err == nil || c.Names != nil && (err != nil || !slices.Equal(got, c.Names)) {
			t.Errorf("%s: got %q, error %v, want %q", name, got, err, c.Names)
		}
	}
	if compared < 15 {
		t.Errorf("%d cases, want 15 or more", compared)
	}
}

// TestWrongTablesAreRefused with the file, the row, and what is wrong.
func TestWrongTablesAreRefused(t *testing.T) {
	for data, want := range map[string]string{
		"":                             "it is empty, want the names of its columns, file_name among them",
		"image,text\na.jpg,x\n":        `no column file_name; it has ["image" "text"]`,
		"file_name\na.jpg\n../b.jpg\n": `row 2: file_name "../b.jpg" leads out of the file's folder`,
		"file_name\n..\\b.jpg\n":       `row 1: file_name "..\\b.jpg" leads out of the file's folder`,
		"file_name\n/etc/passwd\n":     `row 1: file_name "/etc/passwd" leads out`,
		"text,file_name\nx,a.jpg\nx\n": "row 2: it has no file_name, want the picture's path",
		"file_name,text\na,b,c\n":      "row 1: 3 columns, want the 2 of the first line",
		"file_name\n\xff.jpg\n":        "row 1: line 2: not UTF-8",
		"file_name\na\"b\n":            `row 1: parse error on line 2`,
		"file_name,text\na.jpg,\"" + strings.Repeat("x", 3<<20): "row 1: longer than 2097152 bytes: a quote may not be closed",
	} {
		if names, err := metadataOf(t, "metadata.csv", []byte(data)); err == nil || !strings.Contains(err.Error(), "metadata.csv: "+want) {
			t.Errorf("%.40q: got %q, error %v, want %s", data, names, err, want)
		}
	}
}

// TestCutLineNamesNoPicture: the part of a line before an error is no name.
func TestCutLineNamesNoPicture(t *testing.T) {
	var names []string
	var failed error
	for name, err := range batch.Lines(strings.NewReader("a.jpg\nsch\xf6n.jpg\n")) {
		if failed = err; err == nil {
			names = append(names, name)
		}
	}
	if !slices.Equal(names, []string{"a.jpg"}) || failed == nil {
		t.Errorf("names %q and error %v, want the first, and an error", names, failed)
	}
}
