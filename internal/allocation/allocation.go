// Package allocation is for tests: it bounds how much memory a call may take for
// its input.
package allocation

import (
	"runtime/metrics"
	"testing"
)

// free is what a call may allocate for any input, in bytes.
const free = 64 << 20

// perByte is what a call may allocate for each byte of its input besides.
const perByte = 4

// Bound fails the test if f allocates more than 64 MiB and 4 times its input of
// size bytes, all allocations added up. No other goroutine may allocate meanwhile.
func Bound(t testing.TB, size int, f func()) {
	t.Helper()
	before := Total()
	f()
	if got, most := Total()-before, int64(free+perByte*size); got > most {
		t.Fatalf("allocated %d bytes for an input of %d, want %d at most", got, size, most)
	}
}

// Total returns the bytes that the process has allocated in Go's heap since its
// start.
func Total() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
