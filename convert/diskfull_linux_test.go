package convert_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pgcli/paligemma/convert"
)

// TestFullDiskLeavesNothing converts onto a file system that is too small.
func TestFullDiskLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	dst := filepath.Join(dir, "out.gguf")
	_, err := convert.Run(t.Context(), write(t, hf), dst, convert.Options{Type: "f16"})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v, want that no space is left", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%d files are left", len(entries))
	}
}
