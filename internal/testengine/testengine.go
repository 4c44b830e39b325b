// Package testengine is for tests: it finds the ggml that the shared-library
// door is tested with.
package testengine

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Variables that steer the tests of the shared-library door.
const (
	Variable        = "PALIGEMMA_TEST_ENGINE"    // the library or folder to test with
	RequireVariable = "PALIGEMMA_REQUIRE_ENGINE" // if 1, its absence is a failure
)

// Path returns the path of a file of the module, wherever the test runs.
func Path(elements ...string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(append([]string{filepath.Dir(file), "..", ".."}, elements...)...)
}

// Find returns the third-party ggml to test with; "" if there is none.
func Find() string {
	if path := os.Getenv(Variable); path != "" {
		return path
	}
	path := Path(".engines", "linux-x64")
	if _, err := os.Stat(path); err == nil && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return path
	}
	return ""
}

// Shared returns the third-party ggml to test with, or skips the test and says
// how to get one.
func Shared(t testing.TB) string {
	t.Helper()
	path := Find()
	if path != "" {
		return path
	}
	const absent = "no shared ggml to test with: run `make engines`, or set " + Variable + " to a ggml library or its folder"
	if os.Getenv(RequireVariable) == "1" {
		t.Fatal(absent)
	}
	t.Skip(absent)
	return ""
}
