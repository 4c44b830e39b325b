package batch_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
)

// TestRecordsAreTheAnswersOfRun: each record has the answer that Model.Run gives alone,
// in the order of pictures and prompts.
func TestRecordsAreTheAnswersOfRun(t *testing.T) {
	m, dir := open(t), folder(t, numbers...)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	opts := options()
	report, err := run(t, m, dir, path, opts)
	must(t, err)
	got := records(t, path)
	if len(got) != 10 || report.Records != 10 || report.Questions != 10 || report.Pictures != 5 || report.Failures != 0 {
		t.Fatalf("%d records, %+v", len(got), report)
	}
	for i, number := range numbers {
		name := filepath.ToSlash(filepath.Join(dir, number+".jpg"))
		data, err := os.ReadFile(name)
		must(t, err)
		sum := sha256.Sum256(data)
		img, err := m.ReadImage(strings.NewReader(string(data)))
		must(t, err)
		for k, p := range opts.Prompts {
			r := got[2*i+k]
			want, err := m.Run(t.Context(), img, p, opts.Sampling(p))
			must(t, err)
			want.Timings, r.Timings = paligemma.Timings{}, paligemma.Timings{}
			if !reflect.DeepEqual(r.Result, want) {
				t.Errorf("%s %s: got %+v, want %+v", name, p, r.Result, want)
			}
			head := record.Record{Key: identity.Key(name, p), Image: name, SHA256: hex.EncodeToString(sum[:]), Width: 336, Height: 336, Prompt: p, Model: "tiny", Result: r.Result, MS: r.MS}
			if !reflect.DeepEqual(*r, head) || r.MS <= 0 && runtime.GOOS != "windows" { // whose clock may stand still meanwhile
				t.Errorf("got %+v, want %+v", *r, head)
			}
		}
	}
}

// TestAStoppedRunGoesOn cuts the file at many places, as a kill would, and goes on: the
// file is that of a run that was not stopped.
func TestAStoppedRunGoesOn(t *testing.T) {
	m, dir := open(t), folder(t, numbers[:3]...)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	want := whole(t, m, dir, path)
	file, err := os.ReadFile(path)
	must(t, err)
	for i := 1; i < 12; i++ {
		cut := i * len(file) / 12
		if i%3 == 0 { // between two lines
			cut = strings.LastIndexByte(string(file[:cut]), '\n') + 1
		}
		must(t, os.WriteFile(path, file[:cut], 0o644))
		report, err := run(t, m, dir, path, options())
		must(t, err)
		if got := timeless(t, path); got != want {
			t.Fatalf("cut at %d: got\n%s\nwant\n%s", cut, got, want)
		}
		if had := strings.Count(string(file[:cut]), "\n"); report.Records != 6-had {
			t.Errorf("cut at %d: %d records written after %d", cut, report.Records, had)
		}
	}
}

// TestAFolderThatGrows: a new picture gets its place, and the others are not asked
// about again; pictures that are gone keep their records.
func TestAFolderThatGrows(t *testing.T) {
	m, dir := open(t), folder(t, "08", "37")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	whole(t, m, dir, path)
	addScene(t, dir, "05")
	addScene(t, dir, "21")
	report, err := run(t, m, dir, path, options())
	must(t, err)
	if report.Records != 4 || report.Earlier != 2 {
		t.Errorf("%+v, want 4 records, and 2 pictures of the run before", report)
	}
	got := timeless(t, path)
	if want := whole(t, m, dir, filepath.Join(t.TempDir(), "fresh.jsonl")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	must(t, os.Remove(filepath.Join(dir, "08.jpg")))
	if after := whole(t, m, dir, path); strings.Count(after, "\n") != 8 || !strings.Contains(after, "08.jpg") {
		t.Errorf("records of a picture that is gone: %s", after)
	}
}

// TestPromptsAreAdded: a prompt more is asked about all pictures, and its records stand
// beside the others.
func TestPromptsAreAdded(t *testing.T) {
	m, dir := open(t), folder(t, "08", "37")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	opts := options()
	opts.Prompts = opts.Prompts[1:]
	_, err := run(t, m, dir, path, opts)
	must(t, err)
	report, err := run(t, m, dir, path, options())
	must(t, err)
	if want := whole(t, m, dir, filepath.Join(t.TempDir(), "fresh.jsonl")); timeless(t, path) != want || report.Records != 2 {
		t.Errorf("%+v, got\n%s\nwant\n%s", report, timeless(t, path), want)
	}
}

// TestShardsAreTheWhole: the shards' records are those of one run, each once, and all
// prompts about a picture are in one shard.
func TestShardsAreTheWhole(t *testing.T) {
	m, dir := open(t), folder(t, numbers...)
	t.Chdir(filepath.Dir(dir))
	dir = filepath.Base(dir) // the same in each run, as the shard of a name is
	all := map[string]bool{}
	for line := range strings.Lines(whole(t, m, dir, filepath.Join(t.TempDir(), "out.jsonl"))) {
		all[line] = true
	}
	for i := range 3 {
		opts := options()
		opts.Shard = batch.Shard{Index: i, Of: 3}
		path := filepath.Join(t.TempDir(), "shard.jsonl")
		_, err := run(t, m, dir, path, opts)
		must(t, err)
		lines := timeless(t, path)
		if n := strings.Count(lines, "\n"); n%2 != 0 || n == 10 {
			t.Errorf("shard %d has %d records", i, n)
		}
		for line := range strings.Lines(lines) {
			if !all[line] {
				t.Errorf("shard %d has %s, which is no record of the whole, or in another shard too", i, line)
			}
			delete(all, line)
		}
	}
	if len(all) > 0 {
		t.Errorf("no shard has %v", all)
	}
}

// TestARunEndsWithItsContext: also while a picture is waited for; what is done stays.
func TestARunEndsWithItsContext(t *testing.T) {
	m, dir := open(t), folder(t, "05")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	out, err := batch.Open(t.Context(), path, identity, false)
	must(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	files := batch.Files{filepath.Join(dir, "05.jpg")}
	never := items{{Name: "never", Read: func(ctx context.Context) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}}
	opts := options()
	opts.Progress = func(batch.Progress) { cancel(reason) }
	ended := make(chan error, 1)
	go func() {
		_, err := batch.Run(ctx, m, out, []batch.Source{files, never}, opts)
		ended <- err
	}()
	select {
	case err = <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the run goes on after its context has ended")
	}
	must(t, out.Close())
	if got := records(t, path); !errors.Is(err, reason) || len(got) != 2 {
		t.Errorf("%d records, error %v, want 2 and %v", len(got), err, reason)
	}
}
