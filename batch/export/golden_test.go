package export_test

import (
	"bytes"
	"context"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch/export"
	"github.com/pgcli/paligemma/batch/export/parquet"
	"github.com/pgcli/paligemma/batch/record"
)

// formats lists all formats.
func formats() []export.Format { return append(export.Formats(), parquet.Format()) }

// format returns the format of a name.
func format(t *testing.T, name string) export.Format {
	t.Helper()
	i := slices.IndexFunc(formats(), func(f export.Format) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no format %s", name)
	}
	return formats()[i]
}

// read yields records of lines.
func read(lines string) iter.Seq2[*record.Record, error] {
	return record.NewReader(strings.NewReader(lines), "records").All()
}

// testRecords returns the records that scripts/formats/records.py wrote.
func testRecords(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/records.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// readPicture reads one of testdata's pictures.
func readPicture(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join("testdata/pictures", name))
}

// run exports records to a new path.
func run(t *testing.T, name, records string, o *export.Options) (string, *export.Report) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	o.Read = readPicture
	report, err := export.Run(t.Context(), format(t, name), out, read(records), o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out, report
}

// TestOutputsAreThoseThatReadersAccepted compares with the files in which pycocotools,
// pyarrow, datumaro, Label Studio's converter, supervision and Python's csv found what
// the records hold: scripts/formats/golden.py.
func TestOutputsAreThoseThatReadersAccepted(t *testing.T) {
	accepted := 0
	for _, f := range formats() {
		if f.Name == "html" || f.Name == "pictures" { // for people
			continue
		}
		out, report := run(t, f.Name, testRecords(t), &export.Options{})
		if want := (export.Report{Pictures: 4, Answers: 7, Objects: 6, Failed: 1, Unsized: 1}); *report != want {
			t.Errorf("%s: report %+v, want %+v", f.Name, *report, want)
		}
		err := filepath.WalkDir(filepath.Join("testdata/accepted", f.Name), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			accepted++
			inside, err := filepath.Rel(filepath.Join("testdata/accepted", f.Name), path)
			if err != nil {
				return err
			}
			want, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			got, err := os.ReadFile(filepath.Join(out, inside))
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("%s differs from what readers accepted:\n%.600s\nwant\n%.600s\nIf it is meant to, run scripts/formats/golden.py", path, got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if accepted != 16 {
		t.Errorf("%d files were accepted, want 16", accepted)
	}
}
