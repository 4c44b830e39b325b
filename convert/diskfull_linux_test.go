package convert_test

import (
	"bytes"
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
	// Weights that arrive: no file has the name either, and more room is enough.
	src := write(t, sharded())
	want := run(t, src, convert.Options{Type: "f32", Name: "x"})
	o := convert.Options{Type: "f32", Name: "x", Remote: moveOut(t, src).remotes()}
	if _, err := convert.Run(t.Context(), src, dst, o); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v, want that no space is left", err)
	}
	if _, err := os.Stat(dst); err == nil {
		t.Error("an output that is not complete has its name")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Run(t.Context(), src, dst, o); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, dst), read(t, want)) {
		t.Error("the file is another one than that of a run with room")
	}
}
