// Package testlink is for tests: it makes symbolic links where there are any.
package testlink

import (
	"io/fs"
	"os"
	"runtime"
	"testing"
)

// Make makes a symbolic link at path that points to target. On Windows, which lets
// administrators alone make links, it skips the rest of the test if there is none: Wine
// reports success and makes none.
func Make(t testing.TB, target, path string) {
	t.Helper()
	err := os.Symlink(target, path)
	info, statErr := os.Lstat(path)
	switch {
	case err == nil && statErr == nil && info.Mode()&fs.ModeSymlink != 0:
	case runtime.GOOS == "windows":
		t.Skip("no symbolic links here, so the rest is not tested:", err)
	default:
		t.Fatal("symbolic link:", err, statErr)
	}
}
