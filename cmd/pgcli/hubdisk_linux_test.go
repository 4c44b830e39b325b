package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pgcli/paligemma/internal/testhub"
)

// TestFullDiskOfAConversion: of a folder, of what arrives, and of the cache of -hf. The message
// names how much the output takes; what was there stays, and with room the same command ends.
func TestFullDiskOfAConversion(t *testing.T) {
	for name, args := range map[string][]string{
		"folder":  {"convert", "../../testdata/oracle/pg1-a", "--force", "--type", "f32", "--name", "x", "-o"},
		"arrives": {"convert", "hf://" + testhub.Repo, "--force", "--type", "f32", "--name", "x", "-o"},
		"-hf":     {"tokenize", "a", "-hf", testhub.Repo + ":f32"},
	} {
		t.Run(name, func(t *testing.T) {
			atHub(t, &testhub.Hub{Files: checkpoint(t)})
			small := t.TempDir()
			if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=500k"); err != nil {
				t.Skipf("needs the right to mount a small file system: %v", err)
			}
			defer syscall.Unmount(small, 0)
			dst := filepath.Join(small, "x.gguf")
			if name == "-hf" {
				t.Setenv("XDG_CACHE_HOME", small)
			} else {
				must(t, os.WriteFile(dst, []byte("mine"), 0o600))
				args = append(args, dst)
			}
			_, errs, code := pgcli(t, args...)
			if code != exitFailed || !strings.Contains(errs, "no space left on device") || !strings.Contains(errs, "which takes ") || !strings.Contains(errs, "make room for "+small) || strings.Contains(errs, ".partial: no space") {
				t.Errorf("code %d, %s, want a full disk and how much it takes", code, errs)
			}
			if old, err := os.ReadFile(dst); name != "-hf" && (err != nil || string(old) != "mine") {
				t.Errorf("the file that was there is %q, %v", old, err)
			}
			must(t, syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=64m"))
			if _, errs, code := pgcli(t, args...); code != 0 {
				t.Fatalf("with room: code %d, %s", code, errs)
			}
			if name == "-hf" {
				return
			}
			local := filepath.Join(t.TempDir(), "x.gguf")
			if _, errs, code := pgcli(t, "convert", "../../testdata/oracle/pg1-a", "--type", "f32", "--name", "x", "-o", local); code != 0 {
				t.Fatal(errs)
			}
			a, err := os.ReadFile(local)
			must(t, err)
			if b, err := os.ReadFile(dst); err != nil || !bytes.Equal(a, b) {
				t.Errorf("with room: other bytes, %v", err)
			}
		})
	}
}
