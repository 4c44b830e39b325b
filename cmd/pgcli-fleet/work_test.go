package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMetrics: a worker counts, for Prometheus.
func TestMetrics(t *testing.T) {
	b := newBench(t, 3)
	must(t, os.WriteFile(filepath.Join(b.dir, "001.png"), []byte("broken"), 0o644))
	b.enqueue(0)
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int)
	go func() {
		code <- beside(ctx, new(syncBuffer), "work", "--root", b.dir, "--parallel", "1", "--metrics", address, "--server", b.s.url())
	}()
	var text string
	eventually(t, "the metrics count three pictures", func() bool {
		res, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		data, _ := io.ReadAll(res.Body)
		text = string(data)
		return strings.Contains(text, "pgcli_item_seconds_count 3")
	})
	for _, want := range []string{`pgcli_items_total{result="answered"} 2`, `pgcli_items_total{result="failed"} 1`, `pgcli_items_total{result="duplicate"} 0`, "pgcli_queue_age_seconds ", "pgcli_queue_waiting 0", "pgcli_slots_busy 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	var status map[string]any
	must(t, json.Unmarshal([]byte(b.fleet(0, "status", "--json")), &status))
	if status["waiting"] != 0.0 || status["answers"] != 2.0 || status["failures"] != 1.0 {
		t.Errorf("status %v", status)
	}
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
}

// TestAWorkerDrains: at its end it leaves pictures that take too long as they were, with
// all their attempts, and at once.
func TestAWorkerDrains(t *testing.T) {
	b := newBench(t, 4)
	b.enqueue(0, "--ack-wait", "1h")
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{}, 100)
	reading := func(string) {
		began <- struct{}{}
		<-ctx.Done()
		time.Sleep(time.Second) // far longer than it drains
	}
	code := make(chan int)
	var log syncBuffer
	go func() {
		code <- run(ctx, []string{"pgcli-fleet", "work", "--root", b.dir, "--parallel", "2", "--drain", "50ms", "--server", b.s.url()}, strings.NewReader(""), &log, &log, reading)
	}()
	<-began
	<-began
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d\n%s", got, log.String())
	}
	if n := b.left(stateStream); n != 1 {
		t.Errorf("%d messages of state, want the job: attempts are not taken back\n%s", n, log.String())
	}
	if n := b.left(workStream); n != 4 {
		t.Errorf("%d pictures are left, want 4", n)
	}
	b.work(0) // would wait for an hour if the pictures were not given back
	if got := b.collect(0); len(got) != 4 {
		t.Errorf("%d records, want 4", len(got))
	}
}

// TestWhatIsTooLongIsRefused: a message and a record that are longer than the server
// takes.
func TestWhatIsTooLongIsRefused(t *testing.T) {
	b := newBench(t, 1)
	list := filepath.Join(t.TempDir(), "list.txt")
	must(t, os.WriteFile(list, []byte(strings.Repeat("x", 1<<20-20)), 0o644))
	if text := b.fleet(1, "enqueue", "@"+list, "-p", "caption en"); !strings.Contains(text, "longer than the 1048576 bytes that the server takes (max_payload)") {
		t.Errorf("%.500s", text)
	}
	long := "answer en " + strings.Repeat("é", 1<<18) // as JSON, in a record twice as long
	prompts := filepath.Join(t.TempDir(), "prompts.txt")
	must(t, os.WriteFile(prompts, []byte(long), 0o644))
	b.fleet(0, "enqueue", b.dir, "-f", prompts, "--queue", "long")
	b.work(0, "--queue", "long")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	b.fleet(3, "collect", b.dir, "-o", path, "--queue", "long")
	if text := read(t, path); !strings.Contains(text, `"kind":"context"`) {
		t.Errorf("%.500s", text)
	}
	longest := "answer en " + strings.Repeat("\u202e", 1<<18) // escaped in a record, which is twice as long as the message
	must(t, os.WriteFile(prompts, []byte("caption en\n"+longest), 0o644))
	b.fleet(0, "enqueue", b.dir, "-f", prompts, "--queue", "longest")
	if text := b.work(0, "--queue", "longest"); !strings.Contains(text, "and so is that of its failure") {
		t.Errorf("%.500s", text)
	}
	if n := b.left("pgcli-longest-work"); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

// TestAWorkerWithoutTheFolderTakesLittle: it fails fast, and others answer all the same.
func TestAWorkerWithoutTheFolderTakesLittle(t *testing.T) {
	b := newBench(t, 80)
	b.enqueue(0)
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int)
	work := func(root string) *syncBuffer {
		log := new(syncBuffer)
		go func() {
			code <- beside(ctx, log, "work", "--root", root, "--parallel", "2", "--retry-wait", "2s", "--server", b.s.url())
		}()
		return log
	}
	work(b.dir)
	other := work(t.TempDir())
	eventually(t, "all is answered", func() bool { return b.left(workStream) == 0 })
	eventually(t, "the other works", func() bool { return strings.Contains(other.String(), "working") })
	cancel()
	if a, b := <-code, <-code; a != 0 || b != 0 {
		t.Errorf("exit codes %d, %d", a, b)
	}
	if got := b.collect(0); len(got) != 80 {
		t.Errorf("%d records, want 80", len(got))
	}
}
