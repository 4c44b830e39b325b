package batch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// rewrite gives a picture of a folder the bytes of another scene.
func rewrite(t *testing.T, dir, name, number string) {
	t.Helper()
	other := folder(t, number)
	must(t, os.Rename(filepath.Join(other, number+".jpg"), filepath.Join(dir, name)))
}

// TestAPictureThatChanged is asked about again, and said so; the records of the others
// stay.
func TestAPictureThatChanged(t *testing.T) {
	m, dir := open(t), folder(t, "05", "08", "37")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	whole(t, m, dir, path)
	before, err := os.ReadFile(path)
	must(t, err)
	rewrite(t, dir, "08.jpg", "21")
	opts := options()
	files := batch.Folder(dir)
	for compare, changed := range map[bool]int{false: 0, true: 1} {
		if p, err := batch.Survey(t.Context(), path, identity, []batch.Source{files}, opts, compare); err != nil || p.Changed != changed || p.Missing != 2*changed || p.Known != 6 {
			t.Errorf("compared: %v, got %+v, %v, want %d that changed", compare, p, err, changed)
		}
	}
	var notices []string
	opts.Notice = func(text string) { notices = append(notices, text) }
	report, err := run(t, m, dir, path, opts)
	must(t, err)
	if report.Records != 2 || report.Changed != 1 || report.Earlier != 2 {
		t.Errorf("%+v, want 2 records of 1 picture that changed, and 2 as before", report)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "08.jpg has changed") {
		t.Errorf("notices %q, want one about 08.jpg", notices)
	}
	want := whole(t, m, dir, filepath.Join(t.TempDir(), "fresh.jsonl"))
	if got := timeless(t, path); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	// A run that was killed leaves the new records after the old ones.
	lines := slices.Collect(strings.Lines(readFile(t, path)))
	for _, killed := range []string{string(before) + lines[2], string(before) + lines[2] + lines[3] + lines[3][:20]} {
		must(t, os.WriteFile(path, []byte(killed), 0o644))
		_, err = run(t, m, dir, path, options())
		must(t, err)
		if got := timeless(t, path); got != want {
			t.Errorf("after a kill: got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestAPictureThatBroke or was mended since: the record is about the bytes of now, also
// without RetryFailed.
func TestAPictureThatBroke(t *testing.T) {
	m, dir := open(t), folder(t, "05", "08")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	whole(t, m, dir, path)
	must(t, os.WriteFile(filepath.Join(dir, "08.jpg"), []byte("broken"), 0o644))
	for _, failures := range []int{2, 0} {
		report, err := run(t, m, dir, path, options())
		must(t, err)
		if report.Changed != 1 || report.Records != 2 || report.Failures != failures {
			t.Errorf("%+v, want a picture that changed, with %d failures", report, failures)
		}
		if got, want := timeless(t, path), whole(t, m, dir, filepath.Join(t.TempDir(), "fresh.jsonl")); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		addScene(t, dir, "08")
	}
}

// TestAPictureThatCannotBeReadAnyMore keeps its records, and a prompt that is new gets
// the failure.
func TestAPictureThatCannotBeReadAnyMore(t *testing.T) {
	m, dir := open(t), folder(t, "05")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	files := batch.Files{filepath.Join(dir, "05.jpg")}
	opts := options()
	opts.Prompts = opts.Prompts[:1]
	_, err := runSources(t, m, path, opts, files)
	must(t, err)
	before := timeless(t, path)
	must(t, os.Remove(files[0]))
	said := ""
	opts.Notice = func(text string) { said = text }
	report, err := runSources(t, m, path, opts, files)
	must(t, err)
	if report.Records != 0 || report.Earlier != 1 || timeless(t, path) != before || !strings.Contains(said, "keeps its records") {
		t.Errorf("%+v, %q, got %s", report, said, timeless(t, path))
	}
	report, err = runSources(t, m, path, options(), files)
	must(t, err)
	if got := records(t, path); report.Records != 1 || len(got) != 2 || got[0].Error != nil || got[1].Error == nil {
		t.Errorf("%+v, got %s", report, timeless(t, path))
	}
}

// TestUnchangedPicturesAreNotRead, but for a prompt that is new: then their records are
// about the bytes of now.
func TestUnchangedPicturesAreNotRead(t *testing.T) {
	m, dir := open(t), folder(t, "05")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	opts := options()
	opts.Prompts = opts.Prompts[:1]
	_, err := run(t, m, dir, path, opts)
	must(t, err)
	opts.Unchanged = true
	never := items{{Name: filepath.ToSlash(filepath.Join(dir, "05.jpg")), Read: func(context.Context) ([]byte, error) {
		t.Error("the picture is read")
		return nil, errors.New("no")
	}}}
	report, err := runSources(t, m, path, opts, never)
	must(t, err)
	if report.Records != 0 || report.Earlier != 1 {
		t.Errorf("%+v, want a picture of before", report)
	}
	rewrite(t, dir, "05.jpg", "21")
	opts.Prompts = options().Prompts
	report, err = run(t, m, dir, path, opts)
	must(t, err)
	if want := whole(t, m, dir, filepath.Join(t.TempDir(), "fresh.jsonl")); report.Records != 2 || report.Changed != 1 || timeless(t, path) != want {
		t.Errorf("%+v, got\n%s\nwant\n%s", report, timeless(t, path), want)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}
