package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/export"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/testrace"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestFilter keeps the objects of a label and of a score, numbers labels in the
// filter's order, and rebuilds the answer to learn from.
func TestFilter(t *testing.T) {
	o := export.Options{Labels: []string{"ring", "cat"}, MinScore: 0.5}
	out, report := run(t, "finetune", testRecords(t), &o)
	if report.Objects != 2 {
		t.Errorf("%d objects, want 2", report.Objects)
	}
	var suffixes []string
	for line := range strings.Lines(readFile(t, out)) {
		var e struct{ Suffix string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		suffixes = append(suffixes, e.Suffix)
	}
	if got, want := suffixes[0], "<loc0102><loc0205><loc0717><loc0819> cat"; got != want {
		t.Errorf("suffix %q, want %q", got, want)
	}
	if got := suffixes[2]; !strings.HasPrefix(got, "<loc0200><loc0050><loc1000><loc1000><seg") || !strings.HasSuffix(got, " ring") {
		t.Errorf("suffix %q, want the ring's", got)
	}
	if suffixes[5] != "" {
		t.Errorf("suffix %q of an answer without kept objects, want none", suffixes[5])
	}
	out, _ = run(t, "jsonl", testRecords(t), &o)
	for rec, err := range read(readFile(t, out)) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Masks != nil && (len(rec.Masks) != 1 || rec.Masks[0] == nil || rec.Objects[0].Label != "ring") {
			t.Errorf("filtered record has masks %v of %v, want the ring's", rec.Masks, rec.Objects)
		}
	}
	out, report = run(t, "yolo", testRecords(t), &export.Options{Labels: []string{"ring", "cat"}, MinScore: 0.5, Found: true})
	if yaml := readFile(t, out+"/data.yaml"); report.Pictures != 2 || !strings.Contains(yaml, "  0: \"ring\"\n  1: \"cat\"\n") || strings.Contains(yaml, "2:") {
		t.Errorf("%d pictures and data.yaml %s, want 2, ring and cat", report.Pictures, yaml)
	}
}

// TestValidationSplitsByName: every picture is in one part, by its name alone.
func TestValidationSplitsByName(t *testing.T) {
	out, _ := run(t, "yolo", testRecords(t), &export.Options{Validation: 0.999})
	val, err := filepath.Glob(out + "/labels/val/*.txt")
	if err != nil || len(val) != 3 {
		t.Fatalf("%d pictures to validate with (%v), want 3", len(val), err)
	}
	if yaml := readFile(t, out+"/data.yaml"); !strings.Contains(yaml, "train: images/val\nval: images/val\n") {
		t.Errorf("data.yaml names a folder that is not there:\n%s", yaml)
	}
}

// TestOutputIsWholeOrAbsent: an error leaves nothing, and nothing is replaced unasked.
func TestOutputIsWholeOrAbsent(t *testing.T) {
	broken := testRecords(t) + "{\"key\":\n"
	again := testRecords(t) + strings.SplitAfter(testRecords(t), "\n")[0]
	for _, f := range formats() {
		for _, c := range []struct{ lines, want string }{{broken, "records:8"}, {again, "do not follow each other"}} {
			dir := t.TempDir()
			_, err := export.Run(t.Context(), f, filepath.Join(dir, "out"), read(c.lines), &export.Options{Read: readPicture})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want one about %s", f.Name, err, c.want)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("%s: an error leaves %v", f.Name, left)
			}
		}
		dir := t.TempDir()
		out := filepath.Join(dir, "out")
		kept := out
		if f.Folder {
			kept = filepath.Join(out, "mine")
			if err := os.Mkdir(out, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(kept, []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := export.Run(t.Context(), f, out, read(testRecords(t)), &export.Options{Read: readPicture}); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("%s: error %v over something that exists", f.Name, err)
		}
		if readFile(t, kept) != "mine" {
			t.Errorf("%s: what was there is gone", f.Name)
		}
	}
}

// TestChangedPictureIsRefused: the boxes would be those of another picture.
func TestChangedPictureIsRefused(t *testing.T) {
	other := func(context.Context, string) ([]byte, error) { return readPicture(t.Context(), "third.gif") }
	gone := func(context.Context, string) ([]byte, error) { return nil, fs.ErrNotExist }
	for _, name := range []string{"html", "pictures", "yolo", "yolo-seg"} {
		out := filepath.Join(t.TempDir(), "out")
		_, err := export.Run(t.Context(), format(t, name), out, read(testRecords(t)), &export.Options{Read: other})
		if err == nil || !strings.Contains(err.Error(), "picture a & b/first (1).png: the file is another than the one that was answered") {
			t.Errorf("%s: error %v, want one about the picture that changed", name, err)
		}
		_, err = export.Run(t.Context(), format(t, name), out, read(testRecords(t)), &export.Options{Read: gone})
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: error %v, want that the picture is gone", name, err)
		}
	}
}

// TestWrongRecordsAreRefused: masks and sizes that do not fit their picture.
func TestWrongRecordsAreRefused(t *testing.T) {
	lines := strings.SplitAfter(testRecords(t), "\n")
	for _, c := range []struct{ format, line, want string }{
		{"coco", strings.Replace(lines[2], `"size":[96,64]`, `"size":[64,96]`, 1), "mask of 96 x 64 pixels, want the picture's 64 x 96"},
		{"html", strings.Replace(lines[2], `"size":[96,64]`, `"size":[9600,6400]`, 1), "mask of 6400 x 9600 pixels, want the picture's 64 x 96"},
		{"coco", strings.Replace(lines[2], `"counts":"`, `"counts":"~`, 1), "mask with broken counts"},
		{"cvat", strings.Replace(lines[2], `"counts":"`, `"counts":"0`, 1), "mask with"},
		{"csv", strings.Replace(lines[0], `"width":120`, `"width":0`, 1), "without the picture's size"},
		{"yolo-seg", strings.Replace(lines[0], `"width":120`, `"width":100000000`, 1), "pixels, want at most 100000000"},
		{"csv", lines[0] + strings.Replace(lines[1], `"width":120`, `"width":121`, 1), "changed between two runs"},
	} {
		_, err := export.Run(t.Context(), format(t, c.format), filepath.Join(t.TempDir(), "out"), read(c.line), &export.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.format, err, c.want)
		}
	}
}

// TestNamesOfFilesAreUniqueAndSafe: pictures whose names would be one file's.
func TestNamesOfFilesAreUniqueAndSafe(t *testing.T) {
	line := strings.SplitAfter(testRecords(t), "\n")[6]
	var all strings.Builder
	names := []string{"a/b.gif", "a__b.gif", "A/B.gif", "a/b.png", "../a/b.gif", "/a/b.gif", strings.Repeat("x", 300) + ".gif",
		strings.Repeat("x", 301) + ".gif", "v.mp4#t=2.000", "v.mp4#t=2.001", "con:.gif", "..", "a\\b.gif", "s3://bucket/a?b.gif"}
	for _, n := range names {
		quoted, _ := json.Marshal(n)
		all.WriteString(strings.Replace(line, `"third.gif"`, string(quoted), 1))
	}
	out := filepath.Join(t.TempDir(), "out")
	_, err := export.Run(t.Context(), format(t, "pictures"), out, read(all.String()), &export.Options{
		Read: func(ctx context.Context, _ string) ([]byte, error) { return readPicture(ctx, "third.gif") }})
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(out)
	if err != nil || len(files) != len(names) {
		t.Errorf("%d files (%v), want %d: %v", len(files), err, len(names), files)
	}
	for _, f := range files {
		if len(f.Name()) > 200 || strings.ContainsAny(f.Name(), `/\:*?"<>|#`) {
			t.Errorf("file %q, want a name for every system", f.Name())
		}
	}
}

// TestSheetNeedsNoTrust: names, labels and errors stay text, and no handler is inline.
func TestSheetNeedsNoTrust(t *testing.T) {
	evil := strings.ReplaceAll(testRecords(t), "gone.png", `\"><script>alert(1)</script><img src=x onerror=alert(1)>`)
	evil = strings.ReplaceAll(evil, "ring", `\"><script>alert(1)</script>`)
	out, _ := run(t, "html", evil, &export.Options{})
	page := readFile(t, out+"/index.html")
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("the page has %d scripts, want its own", n)
	}
	for _, handler := range []string{"<img src=x", "javascript:", " onclick=", " oninput="} {
		if strings.Contains(page, handler) {
			t.Errorf("the page has %q", handler)
		}
	}
	if n := strings.Count(page, "<article>"); n != 4 || !strings.Contains(page, `loading="lazy"`) || !strings.Contains(page, `data-label="cat" data-score="0.9"`) {
		t.Errorf("the page has %d cards, want 4, pictures that load when they are seen, and labels to filter by", n)
	}
}

// TestMemoryIsBounded: what is in use does not grow with the records.
func TestMemoryIsBounded(t *testing.T) {
	testrace.Sequential(t)
	const n = 50_000
	for _, name := range []string{"coco", "csv", "cvat", "label-studio", "jsonl", "parquet"} {
		var most uint64
		records := func(yield func(*record.Record, error) bool) {
			var m runtime.MemStats
			for i := range n {
				if i%10_000 == 0 {
					runtime.GC()
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapAlloc)
				}
				r := &record.Record{Key: "k", Image: fmt.Sprintf("p%d.png", i), Width: 640, Height: 480, Prompt: "detect cat", Model: "m", Result: &paligemma.Result{
					Text: strings.Repeat("x", 2000), Stop: paligemma.StopEOS, Objects: []paligemma.Object{{Label: "cat", Box: paligemma.Box{X1: 0.5, Y1: 0.5}}}}}
				if !yield(r, nil) {
					return
				}
			}
		}
		var seq iter.Seq2[*record.Record, error] = records
		if _, err := export.Run(t.Context(), format(t, name), filepath.Join(t.TempDir(), "out"), seq, nil); err != nil {
			t.Fatal(err)
		}
		bound := uint64(8)
		if name == "parquet" { // a row group
			bound = 64
		}
		if most > bound<<20 { // the texts alone are 100 MB
			t.Errorf("%s: %d MB in use, want at most %d", name, most>>20, bound)
		}
	}
}
