//go:build unix

package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/cmd/pgcli-fleet/queue"
)

var references = flag.Int("references", 3000, "references that are enqueued: make soak-fleet gives 1000000")

// TestManyReferences: as many are enqueued by a process that is killed on its way, and by
// another that goes on. The memory of each is the program's, however many they are; with a
// file of records it is 60 bytes more for each of these.
func TestManyReferences(t *testing.T) {
	s, dir := newOwnProcess(t), t.TempDir()
	names := manyNames(t, dir)
	args := []string{"enqueue", "@list.txt", "-p", "caption en", "--server", s.url()}
	first := command(dir, args...)
	start := time.Now()
	must(t, first.Start())
	queued := func() (n int) {
		cmd := command(dir, "status", "--server", s.url())
		text, _ := cmd.Output()
		fmt.Sscanf(string(text), "pictures %d", &n)
		return n
	}
	for ; queued() < *references/3; time.Sleep(250 * time.Millisecond) {
		if first.ProcessState != nil || time.Since(start) > 30*time.Minute {
			t.Fatal("the first enqueue stands still")
		}
	}
	must(t, first.Process.Kill())
	first.Wait()
	had := queued()
	t.Logf("killed after %v, with %d of %d queued", time.Since(start), had, *references)
	recordsOf(t, s, filepath.Join(dir, "out.jsonl"), names)
	for i, more := range [][]string{nil, nil, {"-o", "out.jsonl"}} {
		start = time.Now()
		cmd := command(dir, append(args, more...)...)
		peak := filepath.Join(dir, "peak")
		cmd.Env = append(cmd.Env, peakFile+"="+peak)
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		must(t, err)
		var pictures, now, waited, done int
		n, _ := fmt.Sscanf(string(text), "%d pictures: %d are queued now, %d were in the queue, %d have their results", &pictures, &now, &waited, &done)
		good, limit := now+waited == pictures && waited >= had && (i == 0 || now == 0), int64(120<<20)
		if more != nil {
			good, limit = done == pictures, limit+int64(2*60*pictures) // garbage included
		}
		if n != 4 || pictures != *references || !good {
			t.Errorf("run %d: %s", i, strings.TrimSpace(string(text)))
		}
		var rss int64
		_, err = fmt.Sscan(read(t, peak), &rss)
		must(t, err)
		t.Logf("run %d: %v, %d MiB resident", i, time.Since(start), rss>>20)
		if rss > limit {
			t.Errorf("run %d: %d MiB resident, want at most %d", i, rss>>20, limit>>20)
		}
	}
	if queued() != *references {
		t.Errorf("%d are queued, want %d", queued(), *references)
	}
}

// notePeak writes the most memory that this process had resident, in bytes, to the file that
// the environment names. Its parent cannot tell: Linux counts the parent's own memory into
// Rusage.Maxrss of a process that it starts.
func notePeak() {
	path := os.Getenv(peakFile)
	if path == "" {
		return
	}
	var peak int64
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		fmt.Sscan(after, &peak)
		peak <<= 10
	} else {
		var usage syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
		if peak = int64(usage.Maxrss); runtime.GOOS != "darwin" { // bytes there
			peak <<= 10
		}
	}
	if err := os.WriteFile(path, fmt.Append(nil, peak), 0o600); err != nil {
		panic(err)
	}
}

// manyNames writes a list of a folder, with a tenth of the pictures, an archive, and names.
func manyNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.Create(filepath.Join(dir, "list.txt"))
	must(t, err)
	defer list.Close()
	w := bufio.NewWriter(list)
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	fmt.Fprintln(w, "folder\nshard.tar")
	shardOf(t, filepath.Join(dir, "shard.tar"), 1)
	for i := range *references - 1 {
		name := fmt.Sprintf("photos/2026/%03d/picture-%07d.jpg", i%1000, i)
		if i%10 == 0 {
			name = fmt.Sprintf("folder/picture-%07d.jpg", i)
			must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
		} else {
			fmt.Fprintln(w, name)
		}
		names = append(names, name)
	}
	must(t, w.Flush())
	return append(names, "shard.tar#1.png")
}

// recordsOf writes a file of records with a failure of each picture.
func recordsOf(t *testing.T, s *ownProcess, path string, names []string) {
	t.Helper()
	nc, err := nats.Connect(s.url())
	must(t, err)
	defer nc.Close()
	q, err := queue.Open(t.Context(), nc, "default")
	must(t, err)
	job, err := q.Job(t.Context())
	must(t, err)
	out, err := batch.Open(t.Context(), path, job.Identity, false)
	must(t, err)
	for _, name := range names {
		_, err := out.Add(batch.Failed(&job.Identity, batch.Item{Name: name}, "caption en", record.KindRead, errors.New("gone")))
		must(t, err)
	}
	must(t, out.Close())
}
