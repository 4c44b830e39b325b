// Package testrace is for tests: it says what the race detector costs.
package testrace

import "testing"

// Chosen says whether a test tries case i of many alike. The race detector looks
// for races, not for wrong numbers, so with it one of Slowness is tried.
func Chosen(i int) bool { return i%Slowness == 0 }

// Sequential skips a test whose program is one goroutine: there is no race to find, and
// the test runs without the race detector, too.
func Sequential(t *testing.T) {
	if Slowness > 1 {
		t.Helper()
		t.Skip("one goroutine, which the race detector has nothing to say about")
	}
}

// Share is how many of n random trials a test makes.
func Share(n int) int { return (n + Slowness - 1) / Slowness }
