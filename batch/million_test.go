package batch

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/export"
	"github.com/pgcli/paligemma/batch/export/parquet"
	"github.com/pgcli/paligemma/batch/merge"
	"github.com/pgcli/paligemma/batch/record"
)

var many = flag.Int("records", 3000, "records of TestManyRecords; make test-million gives 1000000")

// pictures are n pictures of a few bytes, whose answers nobody computes.
type pictures int

func (n pictures) Items(context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for i := range int(n) {
			name := fmt.Sprintf("photos/folder-%03d/picture-%07d.jpg", i/1000, i)
			if !yield(Item{Name: name, Read: func(context.Context) ([]byte, error) { return []byte(name), nil }}, nil) {
				return
			}
		}
	}
}

// answered runs over pictures and makes up the answers. It stops after as many records.
func answered(t *testing.T, path string, n int, shard Shard, most int) Progress {
	t.Helper()
	id := Identity{Model: "m"}
	out, err := Open(path, id, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &run{out: out, sources: []Source{pictures(n)}, opts: Options{Prompts: []paligemma.Prompt{"detect cat"}, Shard: shard}}
	r.opts.Progress = func(p Progress) {
		if p.Records >= most {
			cancel()
		}
	}
	err = r.flow(ctx, DefaultParallel, func(j *job) { j.compare(); j.data = nil }, func(_ context.Context, j *job) error {
		for _, q := range j.ask {
			j.records = append(j.records, &record.Record{Key: q.key.String(), Image: j.item.Name, SHA256: j.sha256, Width: 640, Height: 480, Prompt: q.prompt, Model: id.Model,
				Result: &paligemma.Result{Text: "<loc0102><loc0205><loc0717><loc0819> cat", Stop: paligemma.StopEOS,
					Objects: []paligemma.Object{{Label: "cat", Box: paligemma.Box{X0: 0.2, Y0: 0.1, X1: 0.8, Y1: 0.7}, Score: 0.9}}}})
		}
		return nil
	})
	if err == nil {
		err = out.finish()
	}
	if stopped := r.progress.Records >= most; err != nil && !(stopped && errors.Is(err, context.Canceled)) {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return r.progress
}

// TestManyRecords writes, resumes, exports and merges many records, in memory of a few
// hundred bytes for each record's place, and in time that grows as they do.
func TestManyRecords(t *testing.T) {
	n, dir := *many, t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	step := func(name string, do func()) {
		stop, most := make(chan bool), make(chan uint64)
		runtime.GC()
		go func() {
			var m runtime.MemStats
			top := uint64(0)
			for {
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapAlloc)
				select {
				case <-stop:
					most <- top
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		}()
		start := time.Now()
		do()
		took := time.Since(start)
		close(stop)
		top := <-most
		t.Logf("%-12s %8.1f s  %6.0f MB of heap at most", name, took.Seconds(), float64(top)/1e6)
		if bound := uint64(64<<20 + 800*n); top > bound {
			t.Errorf("%s: %d MB of heap, want at most %d", name, top>>20, bound>>20)
		}
	}
	all := path("all.jsonl")
	step("write 40 %", func() { answered(t, all, n, Shard{}, n*2/5) })
	step("resume", func() {
		if p := answered(t, all, n, Shard{}, 2*n); p.Pictures != n || p.Records+p.Earlier != n || p.Earlier < n*2/5 {
			t.Errorf("%+v, want %d pictures, 2 of 5 of them answered before", p, n)
		}
	})
	step("again", func() {
		if p := answered(t, all, n, Shard{}, 1); p.Earlier != n || p.Records != 0 {
			t.Errorf("%+v, want %d pictures that were answered before", p, n)
		}
	})
	var shards []string
	step("4 shards", func() {
		for i := range 4 {
			shards = append(shards, path(fmt.Sprintf("shard-%d.jsonl", i)))
			answered(t, shards[i], n, Shard{i, 4}, 2*n)
		}
	})
	step("merge", func() {
		set, err := merge.Open(t.Context(), shards...)
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		report, err := set.Write(t.Context(), path("merged.jsonl"), false, nil, nil)
		if err != nil || report.Records != n || report.Missing != 0 {
			t.Errorf("%+v, %v, want %d records", report, err, n)
		}
	})
	same(t, all, path("merged.jsonl"))
	for _, f := range append(export.Formats(), parquet.Format()) {
		switch f.Name {
		case "coco", "csv", "cvat", "label-studio", "jsonl", "parquet":
			step(f.Name, func() { exported(t, f, all, path(f.Name), n) })
		}
	}
}

// exported exports the records of a file.
func exported(t *testing.T, f export.Format, from, to string, n int) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	report, err := export.Run(t.Context(), f, to, record.NewReader(in, from).All(), &export.Options{})
	if err != nil || report.Pictures != n || report.Objects != n {
		t.Errorf("%s: %+v, %v, want %d pictures with an object each", f.Name, report, err, n)
	}
}

// same compares two files.
func same(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	if err = errors.Join(err, err2); err != nil || len(x) == 0 || string(x) != string(y) {
		t.Errorf("%s, of %d bytes, and %s, of %d, differ (%v)", a, len(x), b, len(y), err)
	}
}
