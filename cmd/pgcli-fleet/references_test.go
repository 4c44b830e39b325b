//go:build unix

package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

var references = flag.Int("references", 3000, "references that are enqueued: a million is make test-fleet-million")

// TestManyReferences: as many are enqueued by a process that is killed on its way, and by
// another that goes on. The memory of each is that of the program, however many they are.
func TestManyReferences(t *testing.T) {
	s, dir := newOwnProcess(t), t.TempDir()
	list, err := os.Create(filepath.Join(dir, "list.txt"))
	must(t, err)
	w := bufio.NewWriter(list)
	for i := range *references {
		fmt.Fprintf(w, "photos/2026/%03d/picture-%07d.jpg\n", i%1000, i)
	}
	must(t, w.Flush())
	must(t, list.Close())
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
	var most int64
	for i := range 2 {
		start = time.Now()
		cmd := command(dir, args...)
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		must(t, err)
		var pictures, now, waited, done int
		if n, _ := fmt.Sscanf(string(text), "%d pictures: %d are queued now, %d were in the queue, %d have their results", &pictures, &now, &waited, &done); n != 4 || pictures != *references || now+waited != pictures || waited < had || i == 1 && now != 0 {
			t.Errorf("run %d: %s", i, strings.TrimSpace(string(text)))
		}
		rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		if runtime.GOOS == "darwin" {
			rss >>= 10 // bytes there
		}
		most = max(most, rss)
		t.Logf("run %d: %v, %d MiB resident", i, time.Since(start), rss>>20)
	}
	if queued() != *references {
		t.Errorf("%d are queued, want %d", queued(), *references)
	}
	if limit := int64(120 << 20); most > limit {
		t.Errorf("%d MiB resident, want at most %d", most>>20, limit>>20)
	}
}
