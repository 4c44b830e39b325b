package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEnqueueWaitsForTheServer: one that ends in between, and starts again, has all
// references once.
func TestEnqueueWaitsForTheServer(t *testing.T) {
	b := newBench(t, 0)
	const n = 1500
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, "%04d.png\n", i)
	}
	path := filepath.Join(t.TempDir(), "list.txt")
	must(t, os.WriteFile(path, []byte(list.String()), 0o644))
	text := make(chan string)
	go func() {
		code, out, log := fleet(t.Context(), "enqueue", "@"+path, "-p", "caption en", "--server", b.s.url())
		text <- fmt.Sprintf("code %d: %s%s", code, out, log)
	}()
	eventually(t, "some are queued", func() bool {
		s, err := b.js.Stream(t.Context(), workStream)
		return err == nil && s.CachedInfo().State.Msgs > 0
	})
	b.s.kill(t)
	time.Sleep(300 * time.Millisecond)
	b.s.start(t)
	wants(t, <-text, "code 0: ", "waiting for the server")
	if got := b.left(workStream); got != n {
		t.Errorf("%d are queued, want %d", got, n)
	}
}

// TestNoRoomForAnswers, as on a full disk: workers keep them until there is room, and
// compute nothing twice.
func TestNoRoomForAnswers(t *testing.T) {
	b := newBench(t, 5)
	b.enqueue(0, "--ack-wait", "1s")
	s := b.stream(resultsStream)
	config := s.CachedInfo().Config
	config.MaxBytes = 1500 // of one answer or two
	_, err := b.js.UpdateStream(t.Context(), config)
	must(t, err)
	var read syncBuffer // a line for each picture that is read
	var out syncBuffer
	log := make(chan string)
	go func() {
		code := run(t.Context(), []string{"pgcli-fleet", "work", "--root", b.dir, "--until-done", "--parallel", "2", "--server", b.s.url()}, strings.NewReader(""), &out, &out,
			func(name string) { fmt.Fprintln(&read, name) })
		log <- fmt.Sprintf("code %d: %s", code, out.String())
	}()
	eventually(t, "two answers have no room", func() bool { return strings.Count(out.String(), "waiting to keep an answer") == 2 })
	time.Sleep(2 * time.Second) // twice as long as a silent worker has its pictures
	config.MaxBytes = -1
	_, err = b.js.UpdateStream(t.Context(), config)
	must(t, err)
	wants(t, <-log, "code 0: ", "waiting to keep an answer")
	if n := strings.Count(read.String(), "\n"); n != 5 {
		t.Errorf("%d pictures were read, want 5:\n%s", n, read.String())
	}
	if got := b.collect(0); len(got) != 5 {
		t.Errorf("%d records, want 5", len(got))
	}
}

// TestALostStore: with the records that were collected, only the others are asked about.
func TestALostStore(t *testing.T) {
	b := newBench(t, 4)
	out := filepath.Join(t.TempDir(), "out.jsonl")
	b.fleet(0, "enqueue", filepath.Join(b.dir, "00[01].png"), "-p", "caption en", "-n", "2")
	b.work(0)
	b.fleet(3, "collect", b.dir, "-o", out) // two are missing
	b.s.kill(t)
	must(t, os.RemoveAll(b.s.dir))
	b.s.start(t)
	wants(t, b.enqueue(0, "-o", out), "4 pictures: 2 are queued now, 0 were in the queue, 2 have their results")
	b.work(0)
	if n := b.left(resultsStream); n != 2 {
		t.Errorf("%d results, want 2", n)
	}
	b.fleet(0, "collect", b.dir, "-o", out)
	if text := read(t, out); strings.Count(text, "\n") != 4 {
		t.Errorf("got\n%s", text)
	}
}
