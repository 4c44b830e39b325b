package batch_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
)

// TestRecordsOfOthersAreTheRun: records of an Asker, added in any order, with failures
// before and after answers, and twice, become the file of a Run.
func TestRecordsOfOthersAreTheRun(t *testing.T) {
	m, dir := open(t), folder(t, numbers[:3]...)
	must(t, os.WriteFile(filepath.Join(dir, "10.jpg"), []byte("no picture"), 0o644))
	want := whole(t, m, dir, filepath.Join(t.TempDir(), "whole.jsonl"))
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	files := batch.Files(paths)
	opts := options()
	asker, fewer, err := batch.NewAsker(m, identity, 2, opts.Sampling)
	must(t, errors.Join(fewer, err))
	defer asker.Close()
	path := filepath.Join(t.TempDir(), "out.jsonl")
	out, err := batch.Open(t.Context(), path, identity, false)
	must(t, err)
	defer out.Close()
	sources := []batch.Source{files}
	add := func(r *record.Record, want bool) {
		t.Helper()
		if added, err := out.Add(r); err != nil || added != want {
			t.Errorf("%s, error %v: added %v, %v, want %v", r.Image, r.Error, added, err, want)
		}
	}
	for i, name := range slices.Backward(files) {
		item := batch.Item{Name: name, Read: func(context.Context) ([]byte, error) { return os.ReadFile(name) }}
		records, err := asker.Ask(t.Context(), item, opts.Prompts)
		must(t, err)
		bad := batch.Failed(&identity, item, opts.Prompts[1], record.KindWorker, errors.New("killed"))
		add(bad, true)
		if i == 0 {
			missing := 0
			plan, err := out.Arrange(t.Context(), sources, opts.Prompts, func(string, paligemma.Prompt) { missing++ })
			if err != nil || missing != 1 || plan.Missing != missing || plan.Known != 7 || plan.Pictures != 4 {
				t.Errorf("before the last: %v, plan %+v, %d missing", err, plan, missing)
			}
			must(t, out.Close())
			out, err = batch.Open(t.Context(), path, identity, false)
			must(t, err)
		}
		for j, r := range slices.Backward(records) {
			add(r, j == 0 || r.Error == nil)
			add(r, false)
		}
		add(bad, false)
	}
	if plan, err := out.Arrange(t.Context(), sources, opts.Prompts, func(image string, p paligemma.Prompt) { t.Errorf("%s, %s is missing", image, p) }); err != nil || plan.Failed != 2 || plan.Known != 8 {
		t.Errorf("%v, plan %+v", err, plan)
	}
	if known, answered := out.Has(files[0], opts.Prompts[0]); !known || !answered {
		t.Errorf("%s: known %v, answered %v", files[0], known, answered)
	}
	other := batch.Failed(&batch.Identity{Model: "other"}, batch.Item{Name: "x"}, "ocr", record.KindRead, errors.New("gone"))
	if _, err := out.Add(other); err == nil || !strings.Contains(err.Error(), "another model") {
		t.Errorf("a record of another model: %v", err)
	}
	must(t, out.Close())
	got := timeless(t, path)
	gotLines, wantLines := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range wantLines {
		if strings.Contains(wantLines[i], "10.jpg") && i%2 == 1 { // the first failure stays
			wantLines[i] = gotLines[i]
			if !strings.Contains(gotLines[i], `"kind":"worker"`) {
				t.Errorf("record %d is %s", i, gotLines[i])
			}
		}
	}
	if want := strings.Join(wantLines, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNamesThatNoMessageHolds have the failure that Run writes.
func TestNamesThatNoMessageHolds(t *testing.T) {
	item := batch.Item{Name: "15-\xff.jpg"}
	if r := batch.Misnamed(&identity, item, "ocr"); r.Image != `15-\xff.jpg` || r.Error.Kind != record.KindRead || !strings.Contains(r.Error.Message, "is not UTF-8; rename it") || r.Key != identity.Key(r.Image, "ocr") {
		t.Errorf("got %+v, %+v", r, r.Error)
	}
}

// TestAnEndedCallFailsNoPicture: what a call could not read because its context ended is no
// record of a failure, which would not be asked again.
func TestAnEndedCallFailsNoPicture(t *testing.T) {
	asker, fewer, err := batch.NewAsker(open(t), identity, 2, nil)
	must(t, errors.Join(fewer, err))
	defer asker.Close()
	stop := errors.New("enough")
	for range 50 { // as a free session and the end may be met in either order
		ctx, cancel := context.WithCancelCause(t.Context())
		item := batch.Item{Name: "a.jpg", Read: func(context.Context) ([]byte, error) {
			cancel(stop)
			return nil, ctx.Err()
		}}
		if records, err := asker.Ask(ctx, item, options().Prompts); !errors.Is(err, stop) || len(records) > 0 {
			t.Fatalf("%d records and error %v, want none and %v", len(records), err, stop)
		}
	}
}

// TestAFileThatIsCutIsNotArranged: records that another program cut after the file was opened
// are an error, not half a record in the new file.
func TestAFileThatIsCutIsNotArranged(t *testing.T) {
	files := batch.Files{"a.png", "b.png"}
	path := filepath.Join(t.TempDir(), "out.jsonl")
	out, err := batch.Open(t.Context(), path, identity, false)
	must(t, err)
	defer out.Close()
	for _, name := range slices.Backward(files) { // not in order
		_, err := out.Add(batch.Failed(&identity, batch.Item{Name: name}, "ocr", record.KindWorker, errors.New("killed")))
		must(t, err)
	}
	info, err := os.Stat(path)
	must(t, err)
	must(t, os.Truncate(path, info.Size()-10))
	_, err = out.Arrange(t.Context(), []batch.Source{files}, []paligemma.Prompt{"ocr"}, nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path+" is shorter than when it was opened") {
		t.Errorf("error %v, want one about %s, which was cut", err, path)
	}
	if now, err := os.Stat(path); err != nil || now.Size() != info.Size()-10 {
		t.Errorf("the file was replaced: %v", err)
	}
}

// TestAFinishedFileTakesNoMore: once it is in order another file may have its name, which a
// second process may lock and add to.
func TestAFinishedFileTakesNoMore(t *testing.T) {
	failed := func(name string) *record.Record {
		return batch.Failed(&identity, batch.Item{Name: name}, "ocr", record.KindWorker, errors.New("killed"))
	}
	path := filepath.Join(t.TempDir(), "out.jsonl")
	out, err := batch.Open(t.Context(), path, identity, false)
	must(t, err)
	defer out.Close()
	for _, name := range []string{"b.png", "a.png"} {
		_, err := out.Add(failed(name))
		must(t, err)
	}
	arrange := func() error {
		_, err := out.Arrange(t.Context(), []batch.Source{batch.Files{"a.png", "b.png"}}, []paligemma.Prompt{"ocr"}, nil)
		return err
	}
	must(t, arrange())
	want := readFile(t, path)
	_, added := out.Add(failed("c.png"))
	_, ran := batch.Run(t.Context(), nil, out, nil, &batch.Options{Prompts: []paligemma.Prompt{"ocr"}})
	for _, err := range []error{added, ran, arrange()} {
		if err == nil || !strings.Contains(err.Error(), "the file of records is finished") {
			t.Errorf("error %v, want one about a file that is finished", err)
		}
	}
	if got := readFile(t, path); got != want {
		t.Errorf("the file has changed to\n%s", got)
	}
}
