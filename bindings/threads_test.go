package bindings

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// threadsOf counts the threads of this process.
func threadsOf(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" { // Wine has a /proc, too, but not this process's
		t.Skip("the system does not tell the threads")
	}
	entries, err := os.ReadDir("/proc/self/task")
	must(t, err)
	return len(entries)
}

// TestThreadsStay guards against threads that are started for each graph, and
// against those that outlive their backend. ggml compiled with OpenMP has threads of
// its own, which stay as long as the process.
func TestThreadsStay(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		const many = 40 // more than Go starts meanwhile
		before := threadsOf(t)
		b, err := cpu(t, lib).NewBackend(many)
		must(t, err)
		if during := threadsOf(t); lib.door == BuiltIn && during < before+many-1 {
			t.Errorf("%d threads before and %d after a backend of %d was opened, want %d more", before, during, many, many-1)
		}
		must(t, b.Close())
		after := threadsOf(t)
		for range 100 { // the system lists a thread for a moment after its end
			if after < before+many/2 {
				return
			}
			time.Sleep(10 * time.Millisecond)
			after = threadsOf(t)
		}
		t.Errorf("%d threads before a backend of %d was opened, %d after it was closed", before, many, after)
	})
}
