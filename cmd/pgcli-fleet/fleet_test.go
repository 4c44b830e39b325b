package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgcli/paligemma/batch/record"
)

// TestAnotherModelIsRefused, and its work is left; so are other flags for one queue.
func TestAnotherModelIsRefused(t *testing.T) {
	b := newBench(t, 2)
	b.enqueue(0)
	model := filepath.Join(t.TempDir(), "other.gguf")
	must(t, os.WriteFile(model, []byte("GGUF"), 0o644))
	wants(t, b.work(1, "-m", model), "queue default asks the model", "give that model with -m, or another --queue")
	if n := b.left(workStream); n != 2 {
		t.Errorf("%d messages are left, want 2", n)
	}
	for _, args := range [][]string{{"-m", model}, {"-n", "3"}, {"--cache-type", "f32"}} {
		wants(t, b.enqueue(1, args...), "the queue answers with another model or other flags: ", "give another --queue")
	}
}

// TestPicturesAreTriedThrice: one that is not there becomes a failure after three
// attempts, one that appears meanwhile an answer, and --retry-failed asks again.
func TestPicturesAreTriedThrice(t *testing.T) {
	b := newBench(t, 4)
	b.enqueue(0)
	gone, late := filepath.Join(b.dir, "001.png"), filepath.Join(b.dir, "002.png")
	must(t, os.Remove(gone))
	must(t, os.Rename(late, late+".x"))
	must(t, os.WriteFile(filepath.Join(b.dir, "003.png"), []byte("broken"), 0o644))
	var attempts atomic.Int32 // at the late one, which is there at the second
	code, log := b.working(func(name string) {
		if filepath.Base(name) == "002.png" && attempts.Add(1) == 2 {
			must(t, os.Rename(late+".x", late))
		}
	})
	if n := strings.Count(log, "another attempt follows"); code != 0 || n != 3 {
		t.Errorf("exit code %d, %d other attempts, want 3:\n%s", code, n, log)
	}
	if n := b.left(stateStream); n != 1 {
		t.Errorf("%d messages of state are left, want the job", n)
	}
	scene(t, gone, 1) // for the list of collect
	got := b.collect(3)
	if len(got) != 4 || got[0].Error != nil || got[2].Error != nil || got[1].Error == nil || got[1].Error.Message != "no such file or directory" || got[1].Error.Kind != record.KindRead || got[3].Error.Kind != record.KindDecode {
		t.Fatalf("got %+v", got)
	}
	wants(t, b.enqueue(0), "2 are queued now, 0 were in the queue, 2 have") // which have changed
	b.work(0)
	wants(t, b.enqueue(0), "0 are queued now, 0 were in the queue, 4 have")
	wants(t, b.enqueue(0, "--retry-failed"), "1 are queued now, 0 were in the queue, 3 have")
	b.work(0)
	if got := b.collect(3); len(got) != 4 || got[1].Error != nil || got[3].Error == nil {
		t.Errorf("after --retry-failed: %+v", got)
	}
}

// TestNamesThatNoWorkerFinds are refused, or recorded as failures.
func TestNamesThatNoWorkerFinds(t *testing.T) {
	b := newBench(t, 1)
	list := filepath.Join(t.TempDir(), "list")
	must(t, os.WriteFile(list, []byte("../a.png\n"), 0o644))
	wants(t, b.fleet(1, "enqueue", "@"+list, "-p", "ocr"), "../a.png leads out of this folder")
	must(t, os.WriteFile(filepath.Join(b.dir, "a\xff.png"), nil, 0o644))
	b.fleet(0, "enqueue", b.dir, "-p", "ocr")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	b.fleet(3, "collect", b.dir, "-o", path)
	wants(t, read(t, path), "is not UTF-8; rename it", `"kind":"read"`)
}

// TestAFullQueueWaits until workers have made room.
func TestAFullQueueWaits(t *testing.T) {
	b := newBench(t, 12)
	first := filepath.Join(b.dir, "000.png")
	b.fleet(0, "enqueue", first, "-p", "caption en", "-n", "2", "--max-waiting", "4", "--ack-wait", "1s")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	text := make(chan string)
	go func() {
		var log syncBuffer
		code := beside(ctx, &log, "enqueue", b.dir, "-p", "caption en", "-n", "2", "--server", b.s.url())
		text <- fmt.Sprintf("code %d: %s", code, log.String())
	}()
	eventually(t, "the queue is full", func() bool { return b.left(workStream) == 4 })
	select {
	case got := <-text:
		t.Fatalf("it did not wait: %s", got)
	case <-time.After(300 * time.Millisecond):
	}
	for ended := false; !ended; {
		b.work(0)
		select {
		case got := <-text:
			wants(t, got, "code 0: ", "12 pictures: 11 are queued now, 1 were in the queue, 0", "the queue is full")
			ended = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	b.work(0)
	if got := b.collect(0); len(got) != 12 {
		t.Errorf("%d records, want 12", len(got))
	}
}

// TestNothingIsAskedTwice: of messages that ask more prompts about a picture, and fewer, each
// prompt is asked once, and a picture whose answers are there is not opened again.
func TestNothingIsAskedTwice(t *testing.T) {
	b := newBench(t, 3)
	for _, prompts := range [][]string{{"caption en", "ocr"}, {"ocr"}, {"caption en", "ocr", "caption de"}} {
		args := []string{"enqueue", b.dir, "-n", "2", "--server", b.s.url()}
		for _, p := range prompts {
			args = append(args, "-p", p)
		}
		wants(t, b.fleet(0, args...), "3 are queued now")
	}
	opened := 0
	code, log := b.working(func(string) { opened++ }, "--parallel", "1")
	if code != 0 || opened != 6 { // by the first messages, and by the last for caption de
		t.Errorf("exit code %d, %d pictures were opened, want 6:\n%s", code, opened, log)
	}
	if got := b.left(resultsStream); got != 9 {
		t.Errorf("%d results, want 9", got)
	}
}
