package eval

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAFullDiskLeavesNoJournal: one whose settings cannot be written is not left, empty.
func TestAFullDiskLeavesNoJournal(t *testing.T) {
	set, err := Open(t.Context(), folder(t, line(t, "ocr", "x", "")), 0)
	must(t, err)
	small := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount a small file system: %v: %s", err, out)
	}
	defer exec.Command("umount", small).Run()
	must(t, os.WriteFile(filepath.Join(small, "ballast"), make([]byte, 4<<10), 0o600))
	if _, err := OpenJournal(t.Context(), filepath.Join(small, "out"), false, set, aSetting); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("error %v, want that no space is left", err)
	}
	if entries, err := os.ReadDir(small); err != nil || len(entries) != 1 {
		t.Errorf("%v is left, %v, want the ballast alone", entries, err)
	}
}
