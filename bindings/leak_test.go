package bindings

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// residentBytes returns the process's resident memory, after Go has given unused
// memory back.
func residentBytes(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("the system does not tell resident memory")
	}
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	must(t, err)
	return pages * os.Getpagesize()
}

// openComputeClose opens one of everything, holds a megabyte, computes and closes.
func openComputeClose(t *testing.T, lib *Lib) {
	t.Helper()
	big, err := lib.NewContext(1, 0)
	must(t, err)
	big.New(gguf.F32, 1<<18)
	memory, err := big.AllocAll(cpu(t, lib).BufferType())
	must(t, err)
	memory.Clear(1) // touch every page
	h := newHandles(t, lib)
	h.backend.AbortOn(h.flag)
	must(t, Set(h.x, 0, []float32{1, 2, 3, 4}))
	if !h.sched.Alloc(h.graph) || h.sched.Compute(h.graph) != Success {
		t.Fatal("compute failed")
	}
	h.close(t)
	must(t, memory.Close())
	must(t, big.Close())
}

// TestManyRounds opens and closes 1,000 times. 1,000 leaked buffers would be
// 1 GB and leaked schedulers 30 MB or more. The margin is how much Go's heap and
// the C allocator's caches moved, also in 10,000 rounds.
func TestManyRounds(t *testing.T) {
	const rounds, margin = 1000, 8 << 20
	eachDoor(t, func(t *testing.T, lib *Lib) {
		before := lib.Live()
		for range 200 { // until allocator caches and thread stacks are settled
			openComputeClose(t, lib)
		}
		start := residentBytes(t)
		for range rounds {
			openComputeClose(t, lib)
		}
		grown := residentBytes(t) - start
		t.Logf("resident memory changed by %d kB", grown>>10)
		if grown > margin {
			t.Errorf("resident memory grew by %d bytes in %d rounds, allowed %d", grown, rounds, margin)
		}
		if n := lib.Live() - before; n != 0 {
			t.Errorf("%d handles are open", n)
		}
	})
}
