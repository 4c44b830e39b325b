package batch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAFullDisk stops a run with an error; when there is room again, another goes on.
func TestAFullDisk(t *testing.T) {
	m, dir, small := open(t), folder(t, numbers...), t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount a small file system: %v: %s", err, out)
	}
	defer exec.Command("umount", small).Run()
	ballast, path := filepath.Join(small, "ballast"), filepath.Join(small, "out.jsonl")
	must(t, os.WriteFile(ballast, make([]byte, 8<<10), 0o644))
	report, err := run(t, m, dir, path, options())
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Fatalf("%v, %+v, want that no space is left", err, report)
	}
	if data, err := os.ReadFile(path); err != nil || len(data) == 0 || data[len(data)-1] != '\n' {
		t.Errorf("the file ends with %q, %v, want whole records", data, err)
	}
	must(t, os.Remove(ballast))
	if want := whole(t, m, dir, filepath.Join(t.TempDir(), "fresh.jsonl")); whole(t, m, dir, path) != want {
		t.Errorf("got\n%s\nwant\n%s", timeless(t, path), want)
	}
}
