//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMergeKnowsNamesAsRecordsHaveThem: a picture whose name is not UTF-8 is not missing when
// it has its record, and a list of missing names has no name that its lines would cut.
func TestMergeKnowsNamesAsRecordsHaveThem(t *testing.T) {
	dir := t.TempDir()
	picture, err := os.ReadFile("demo/scene-21.jpg")
	must(t, err)
	must(t, os.Mkdir(filepath.Join(dir, "a"), 0o700))
	for _, name := range []string{"1.jpg", "2\xff.jpg", "3\n4.jpg", "5.jpg"} {
		must(t, os.WriteFile(filepath.Join(dir, "a", name), picture, 0o600))
	}
	must(t, os.WriteFile(filepath.Join(dir, "list"), []byte("a\n"), 0o600))
	run := func(code int, args ...string) string {
		t.Helper()
		cmd := exec.Command("pgcli", args...)
		cmd.Env, cmd.Dir = environment(t), dir
		text, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Fatalf("%q: exit code %d, want %d:\n%s", args, got, code, text)
		}
		return string(text)
	}
	run(exitSomeFailed, "batch", "a", "-p", "ocr", "-n", "1", "-t", "1", "-o", "out.jsonl")
	text := run(exitSomeFailed, "merge", "out.jsonl", "-o", "all.jsonl", "--inputs", "list")
	all, err := os.ReadFile(filepath.Join(dir, "all.jsonl"))
	must(t, err)
	out, err := os.ReadFile(filepath.Join(dir, "out.jsonl"))
	must(t, err)
	if strings.Contains(text, "missing") || string(all) != string(out) {
		t.Errorf("merged to\n%s\nwant\n%s\n%s", all, out, text)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	must(t, os.WriteFile(filepath.Join(dir, "one.jsonl"), []byte(first+"\n"), 0o600))
	text = run(exitSomeFailed, "merge", "one.jsonl", "-o", "again.jsonl", "--inputs", "list", "--missing", "rest")
	rest, err := os.ReadFile(filepath.Join(dir, "rest"))
	must(t, err)
	if want := "a/2\\xff.jpg\na/5.jpg\n"; string(rest) != want || !strings.Contains(text, "1 missing names are left out of rest") {
		t.Errorf("missing are\n%s\nwant\n%s\n%s", rest, want, text)
	}
}
