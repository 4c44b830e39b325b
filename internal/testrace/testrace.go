// Package testrace is for tests: it says what the race detector costs, and how many of many
// cases alike a test tries.
package testrace

import (
	"os"
	"testing"
)

// Again is the environment variable that says that the same tests also run in another way,
// such as with cgo: of many cases alike every fifth is tried.
const Again = "PALIGEMMA_TEST_AGAIN"

// alike is one of how many cases alike is tried. The race detector looks for races, not for
// wrong numbers.
var alike = func() int {
	if os.Getenv(Again) != "" {
		return 5
	}
	return Slowness
}()

// Alike is one of how many cases alike is tried.
func Alike() int { return alike }

// Chosen says whether a test tries case i of many alike.
func Chosen(i int) bool { return i%alike == 0 }

// Share is how many of n random trials a test makes.
func Share(n int) int { return (n + alike - 1) / alike }

// Sequential skips a test whose program is one goroutine: there is no race to find, and
// the test runs without the race detector, too.
func Sequential(t *testing.T) {
	if Slowness > 1 {
		t.Helper()
		t.Skip("one goroutine, which the race detector has nothing to say about")
	}
}
