package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma/batch/record"
)

// A bench is a server, and a folder of pictures, for a test.
type bench struct {
	*testing.T
	s   *inProcess
	dir string
	js  jetstream.JetStream
}

func newBench(t *testing.T, n int) *bench {
	b := &bench{T: t, s: newInProcess(t), dir: t.TempDir()}
	for i := range n {
		scene(t, filepath.Join(b.dir, fmt.Sprintf("%03d.png", i)), i)
	}
	nc, err := nats.Connect(b.s.url())
	must(t, err)
	t.Cleanup(nc.Close)
	b.js, err = jetstream.New(nc)
	must(t, err)
	return b
}

// fleet runs a command that must end with a code, and returns its output and errors.
func (b *bench) fleet(code int, args ...string) string {
	b.Helper()
	got, stdout, stderr := fleet(b.Context(), append(args, "--server", b.s.url())...)
	if got != code {
		b.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	return stdout + stderr
}

func (b *bench) enqueue(code int, args ...string) string {
	b.Helper()
	return b.fleet(code, append([]string{"enqueue", b.dir, "-p", "caption en", "-n", "2"}, args...)...)
}

func (b *bench) work(code int, args ...string) string {
	b.Helper()
	return b.fleet(code, append([]string{"work", "--root", b.dir, "--until-done", "--parallel", "2", "--retry-wait", "10ms"}, args...)...)
}

// working is work that calls reading before it opens a picture.
func (b *bench) working(reading func(name string), args ...string) (code int, log string) {
	var out, errs syncBuffer
	list := []string{"pgcli-fleet", "work", "--root", b.dir, "--until-done", "--parallel", "2", "--retry-wait", "10ms", "--server", b.s.url()}
	code = run(b.Context(), append(list, args...), strings.NewReader(""), &out, &errs, reading)
	return code, errs.String()
}

// collect returns the records, of which some failed.
func (b *bench) collect(code int) (all []*record.Record) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "out.jsonl")
	b.fleet(code, "collect", b.dir, "-o", path)
	f, err := os.Open(path)
	must(b, err)
	defer f.Close()
	for r, err := range record.NewReader(f, path).All() {
		must(b, err)
		all = append(all, r)
	}
	return all
}

// stream returns one of the streams of the queue.
func (b *bench) stream(name string) jetstream.Stream {
	b.Helper()
	s, err := b.js.Stream(b.Context(), name)
	must(b, err)
	return s
}

// left returns the number of messages of a stream, 0 for none.
func (b *bench) left(name string) uint64 {
	b.Helper()
	info, err := b.stream(name).Info(b.Context())
	must(b, err)
	return info.State.Msgs
}

const (
	workStream    = "pgcli-default-work"
	resultsStream = "pgcli-default-results"
	stateStream   = "pgcli-default-state"
)
