package batch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
)

// huge is a PNG file that claims 200,000 x 200,000 pixels.
func huge(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))))
	data := b.Bytes()
	copy(data[16:], "\x00\x03\x0d\x40\x00\x03\x0d\x40")
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

// TestEveryPictureGetsItsRecords: pictures that cannot be read are records of failures,
// of the right kind and in their place, and the others are answered.
func TestEveryPictureGetsItsRecords(t *testing.T) {
	m, dir := open(t), folder(t, "05", "37")
	write := func(name string, data []byte) { must(t, os.WriteFile(filepath.Join(dir, name), data, 0o644)) }
	write("10-empty.png", nil)
	write("11-text.jpg", []byte("no picture"))
	write("12-huge.png", huge(t))
	whole, err := os.ReadFile(filepath.Join(dir, "05.jpg"))
	must(t, err)
	write("13-half.jpg", whole[:len(whole)/2])
	if runtime.GOOS != "windows" {
		must(t, os.Symlink("nothing", filepath.Join(dir, "14-gone.jpg")))
		must(t, os.WriteFile(filepath.Join(dir, "15-\xff.jpg"), whole, 0o644))
	}
	write("notes.txt", nil)
	write(".hidden.jpg", nil)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	opts := options()
	var failures []string
	opts.Failed = func(r *record.Record) { failures = append(failures, r.Image) }
	report, err := run(t, m, dir, path, opts)
	must(t, err)
	want := []struct {
		name    string
		kind    record.Kind
		message string
	}{
		{"05.jpg", "", ""},
		{"10-empty.png", "decode", "the file is empty"},
		{"11-text.jpg", "decode", "not a PNG"},
		{"12-huge.png", "decode", "200000"},
		{"13-half.jpg", "decode", "JPEG"},
		{"14-gone.jpg", "read", "no such file"},
		{`15-\xff.jpg`, "read", "is not UTF-8; rename it"},
		{"37.jpg", "", ""},
	}
	failed := 12
	if runtime.GOOS == "windows" { // has no such names
		want, failed = slices.Delete(want, 5, 7), 8
	}
	got := records(t, path)
	if len(got) != 2*len(want) || report.Failures != failed || report.Failed != failed || len(failures) != failed {
		t.Fatalf("%d records, %d failures told, %+v, want %d with %d failures", len(got), len(failures), report, 2*len(want), failed)
	}
	for i, r := range got {
		w := want[i/2]
		if r.Image != filepath.ToSlash(filepath.Join(dir, w.name)) || r.Prompt != opts.Prompts[i%2] {
			t.Errorf("record %d is about %s, %s", i, r.Image, r.Prompt)
		}
		if (r.Error == nil) != (w.kind == "") || r.Error != nil && (r.Error.Kind != w.kind || !strings.Contains(r.Error.Message, w.message)) {
			t.Errorf("%s: %+v, want %s: %s", r.Image, r.Error, w.kind, w.message)
		}
	}
}

// TestFailuresAreTriedAgain: only with RetryFailed, and an answer takes the place of the
// failure.
func TestFailuresAreTriedAgain(t *testing.T) {
	m, dir := open(t), folder(t, "05", "37")
	gone := filepath.Join(dir, "08.jpg")
	files := batch.Files{filepath.Join(dir, "05.jpg"), gone, filepath.Join(dir, "37.jpg")}
	path := filepath.Join(t.TempDir(), "out.jsonl")
	_, err := runSources(t, m, path, options(), files)
	must(t, err)
	before := timeless(t, path)
	opts := options()
	opts.RetryFailed = true
	if report, err := runSources(t, m, path, opts, files); err != nil || report.Records != 2 || timeless(t, path) != before {
		t.Errorf("still gone: %v, %+v, got\n%s\nwant\n%s", err, report, timeless(t, path), before)
	}
	addScene(t, dir, "08")
	if report, err := runSources(t, m, path, options(), files); err != nil || report.Records != 0 || report.Failures != 2 || timeless(t, path) != before {
		t.Errorf("without RetryFailed: %v, %+v", err, report)
	}
	report, err := runSources(t, m, path, opts, files)
	must(t, err)
	if want := whole(t, m, dir, filepath.Join(t.TempDir(), "fresh.jsonl")); timeless(t, path) != want || report.Records != 2 || report.Failures != 0 {
		t.Errorf("%+v, got\n%s\nwant\n%s", report, timeless(t, path), want)
	}
}

// TestTooManyFailuresStop: a run stops after as many, and another goes on.
func TestTooManyFailuresStop(t *testing.T) {
	m, dir := open(t), folder(t, "37")
	for i := range 9 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("0%d.jpg", i)), []byte("broken"), 0o644))
	}
	path := filepath.Join(t.TempDir(), "out.jsonl")
	opts := options()
	opts.MaxFailures = 5
	report, err := run(t, m, dir, path, opts)
	if !errors.Is(err, batch.ErrFailures) || report.Failed != 6 || !strings.Contains(err.Error(), "6, more than 5") {
		t.Errorf("%v, %+v, want an ErrFailures after 6 failures", err, report)
	}
	if got := whole(t, m, dir, path); got != whole(t, m, dir, filepath.Join(t.TempDir(), "fresh.jsonl")) {
		t.Errorf("got %s", got)
	}
}

// TestAContextThatIsTooShort is a failure of each prompt that does not fit.
func TestAContextThatIsTooShort(t *testing.T) {
	m, dir := open(t), folder(t, "05")
	long := paligemma.Prompt("answer en " + strings.Repeat("a ", 2000))
	opts := options()
	opts.Prompts = append(opts.Prompts, long)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	_, err := run(t, m, dir, path, opts)
	must(t, err)
	got := records(t, path)
	if len(got) != 3 || got[0].Error != nil || got[1].Error != nil || got[2].Error == nil || got[2].Error.Kind != record.KindContext || got[2].Width != 336 {
		t.Errorf("got %+v", got)
	}
}

// TestWrongOptionsAreRefused before anything is read or written.
func TestWrongOptionsAreRefused(t *testing.T) {
	m := open(t)
	for want, change := range map[string]func(*batch.Options){
		"no prompts":              func(o *batch.Options) { o.Prompts = nil },
		"is empty or given twice": func(o *batch.Options) { o.Prompts = append(o.Prompts, o.Prompts[0]) },
		"<bos>":                   func(o *batch.Options) { o.Prompts = []paligemma.Prompt{"<bos>"} },
		"parallel is -1":          func(o *batch.Options) { o.Parallel = -1 },
	} {
		opts := options()
		change(opts)
		path := filepath.Join(t.TempDir(), "out.jsonl")
		if _, err := runSources(t, m, path, opts, batch.Files{"none"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file is left", want)
		}
	}
}
