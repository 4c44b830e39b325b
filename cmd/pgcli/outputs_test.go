//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStandardOutputIsNoFile: no command makes a file named -, nor one in the place of a link
// to standard output, as /dev/stdout is: root would lose it, with --force.
func TestStandardOutputIsNoFile(t *testing.T) {
	useEngine(t)
	checkpoint, err := filepath.Abs("../../testdata/oracle/pg1-a")
	must(t, err)
	picture, err := filepath.Abs("demo/scene-08.jpg")
	must(t, err)
	t.Chdir(t.TempDir())
	must(t, os.Symlink("/proc/self/fd/1", "stdout"))
	record := `{"key":"a","image":"a.jpg","prompt":"ocr","text":"A"}` + "\n"
	must(t, os.WriteFile("a.jsonl", []byte(record), 0o600))
	must(t, os.WriteFile("set.jsonl", []byte(`{"image":"`+filepath.ToSlash(picture)+`","prompt":"ocr","expected":"A"}`), 0o600))
	must(t, os.WriteFile("a-00001-of-00001.gguf", nil, 0o600))
	for _, out := range []string{"-", "stdout", "stdout", "/dev/stdout"} {
		for _, args := range [][]string{
			{"export", "a.jsonl", "--to", "csv", "-o", out}, {"export", "a.jsonl", "--to", "yolo", "-o", out}, {"merge", "a.jsonl", "-o", out},
			{"convert", checkpoint, "--type", "q8_0", "-o", out}, {"quantize", "a-00001-of-00001.gguf", "--type", "q8_0", "-o", out},
			{"join", "a-00001-of-00001.gguf", "-o", out}, {"demo", "-o", out}, {"eval", "set.jsonl", "--out", out},
		} {
			var stdout, stderr bytes.Buffer
			if args[0] != "export" || args[3] != "yolo" { // folders have no --force
				args = append(args, "--force")
			}
			code := run(t.Context(), append([]string{"pgcli"}, args...), strings.NewReader(""), &stdout, &stderr)
			if code != 2 || !strings.Contains(stderr.String(), " is "+out+", want the name of a file") {
				t.Errorf("%q: exit code %d:\n%s", args, code, &stderr)
			}
			if info, err := os.Lstat("stdout"); err != nil || info.Mode()&os.ModeSymlink == 0 {
				t.Fatalf("%q: the link is gone: %v, %v", args, info, err)
			}
		}
		if _, err := os.Lstat("-"); err == nil {
			t.Fatalf("%s: there is a file -", out)
		}
	}
}
