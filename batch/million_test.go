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

var many = flag.Int("records", 3000, "records of TestManyRecords, and names of TestManyNames; make test-million gives 1000000")

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
func answered(t *testing.T, path string, source Source, shard Shard, most int) Progress {
	t.Helper()
	id := Identity{Model: "m"}
	out, err := Open(t.Context(), path, id, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &run{out: out, sources: []Source{source}, opts: Options{Prompts: []paligemma.Prompt{"detect cat"}, Shard: shard}}
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
		err = out.finish(t.Context())
	}
	if stopped := r.progress.Records >= most; err != nil && !(stopped && errors.Is(err, context.Canceled)) {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return r.progress
}

// A meter measures the memory of steps.
type meter struct {
	*testing.T
	most uint64 // bytes that may be in use
	top  uint64 // that were so far
}

// look measures what is in use, without garbage. The caller waits meanwhile, so that
// goroutines that wait for it add little.
func (m *meter) look() {
	runtime.GC()
	runtime.GC() // what was allocated during the first one is garbage now
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.top = max(m.top, s.HeapAlloc)
}

// step does something that looks when most is in use.
func (m *meter) step(name string, do func()) {
	m.top = 0
	start := time.Now()
	do()
	m.look()
	m.Logf("%-14s %8.1f s  %6.0f MB of heap at most", name, time.Since(start).Seconds(), float64(m.top)/1e6)
	if m.top > m.most {
		m.Errorf("%s: %d MB of heap, want at most %d", name, m.top/1e6, m.most/1e6)
	}
}

// A watched is a source of n items whose meter looks ten times, while the source knows
// where it is.
type watched struct {
	Source
	*meter
	n int
}

func (w watched) Items(ctx context.Context) iter.Seq2[Item, error] {
	return each(w.meter, w.n, w.Source.Items(ctx))
}

// each yields what all does, and looks ten times among the n.
func each[T any](m *meter, n int, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		i := 0
		for v, err := range all {
			if i++; i%max(1, n/10) == 0 {
				m.look()
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// TestManyRecords writes, resumes, exports and merges many records, in bounded memory, and
// in time that grows as they do.
func TestManyRecords(t *testing.T) {
	n, dir := *many, t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	m := &meter{T: t, most: uint64(16<<20 + 150*n)}
	step, all := m.step, path("all.jsonl")
	source := watched{pictures(n), m, n}
	step("write 40 %", func() { answered(t, all, source, Shard{}, n*2/5) })
	step("resume", func() {
		if p := answered(t, all, source, Shard{}, 2*n); p.Pictures != n || p.Records+p.Earlier != n || p.Earlier < n*2/5 {
			t.Errorf("%+v, want %d pictures, 2 of 5 of them answered before", p, n)
		}
	})
	step("again", func() {
		if p := answered(t, all, source, Shard{}, 1); p.Earlier != n || p.Records != 0 {
			t.Errorf("%+v, want %d pictures that were answered before", p, n)
		}
	})
	var shards []string
	step("4 shards", func() {
		for i := range 4 {
			shards = append(shards, path(fmt.Sprintf("shard-%d.jsonl", i)))
			answered(t, shards[i], source, Shard{i, 4}, 2*n)
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
		m.look()
	})
	same(t, all, path("merged.jsonl"))
	m.most = uint64(128<<20 + 60*n) // windows of compressors, and a hash of each name
	for _, f := range append(export.Formats(), parquet.Format()) {
		switch f.Name {
		case "coco", "csv", "cvat", "label-studio", "jsonl", "parquet":
			step(f.Name, func() { exported(m, f, all, path(f.Name), n) })
		}
	}
}

// TestManyNames goes through a folder of many empty files, whose names are in no list, and
// asks about them: counts, plans, writes, resumes, all of them in one folder.
func TestManyNames(t *testing.T) {
	n, dir := *many, t.TempDir()
	for i := range n {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("picture-%07d.jpg", (i*7919)%n))) // in no order
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m := &meter{T: t, most: uint64(16<<20 + 110*n)}
	step, folder := m.step, watched{Folder(dir), m, n}
	out := filepath.Join(t.TempDir(), "out.jsonl")
	opts := &Options{Prompts: []paligemma.Prompt{"detect cat"}}
	plan := func(known, missing int) {
		p, err := Survey(t.Context(), out, Identity{Model: "m"}, []Source{folder}, opts, true)
		if err != nil || p.Pictures != n || p.Known != known || p.Missing != missing {
			t.Errorf("plan %+v, %v, want %d known and %d missing", p, err, known, missing)
		}
	}
	step("count", func() {
		if pictures, others, err := Folder(dir).Look(t.Context()); pictures != n || others != 0 || err != nil {
			t.Errorf("%d pictures, %d others, %v", pictures, others, err)
		}
	})
	step("plan", func() { plan(0, n) })
	step("write", func() { answered(t, out, folder, Shard{}, 2*n) })
	step("plan again", func() { plan(n, 0) })
	step("resume", func() {
		if p := answered(t, out, folder, Shard{}, 1); p.Earlier != n || p.Records != 0 {
			t.Errorf("%+v, want %d pictures that were answered before", p, n)
		}
	})
	step("pattern", func() {
		last, found := "", 0
		for name, err := range each(m, n, Glob(t.Context(), filepath.Join(dir, "*.j[p]g"))) {
			if err != nil || name <= last {
				t.Fatalf("%s after %s, %v", name, last, err)
			}
			last, found = name, found+1
		}
		if found != n {
			t.Errorf("%d names match, want %d", found, n)
		}
	})
}

// exported exports the records of a file.
func exported(t *meter, f export.Format, from, to string, n int) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	report, err := export.Run(t.Context(), f, to, each(t, n, record.NewReader(in, from).All()), &export.Options{})
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
