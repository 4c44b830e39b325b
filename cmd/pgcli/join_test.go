package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testctx"
)

// TestPartsAreInputs: no part of a split file that a command reads is replaced by its output,
// under any of its names, with --force.
func TestPartsAreInputs(t *testing.T) {
	useEngine(t)
	picture, err := filepath.Abs("demo/scene-08.jpg")
	must(t, err)
	checkpoint, err := filepath.Abs("../../testdata/oracle/pg1-a")
	must(t, err)
	t.Chdir(t.TempDir())
	_, err = convert.Run(t.Context(), checkpoint, "a.gguf", convert.Options{Type: "f32", SplitMaxSize: 1_200_000})
	must(t, err)
	parts, err := filepath.Glob("a-*.gguf")
	must(t, err)
	first, second := parts[0], parts[1]
	before := map[string]string{}
	for _, name := range parts {
		data, err := os.ReadFile(name)
		must(t, err)
		before[name] = string(data)
	}
	must(t, os.WriteFile("set.jsonl", []byte(`{"image":"`+filepath.ToSlash(picture)+`","prompt":"ocr","expected":"A"}`), 0o600))
	must(t, os.Link(second, "alias.png"))
	for _, args := range [][]string{
		{"join", first, "-o", first}, {"join", first, "-o", second}, {"join", second, "-o", "alias.png"},
		{"eval", "set.jsonl", "-m", first, "--out", second}, {"run", picture, "ocr", "-m", first, "-o", "alias.png"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append(append([]string{"pgcli"}, args...), "--force"), strings.NewReader(""), &stdout, &stderr)
		if code == 0 || !strings.Contains(stderr.String(), "read") {
			t.Errorf("%q: exit code %d, want an error that says that the output is read:\n%s", args, code, &stderr)
		}
		for name, want := range before {
			if got, err := os.ReadFile(name); err != nil || string(got) != want {
				t.Fatalf("%q: %s is not as it was: %v", args, name, err)
			}
		}
	}
}

// TestInterruptedJoinLeavesNothing: Ctrl-C while parts are copied ends the command, and
// neither a file nor a part of it is left.
func TestInterruptedJoinLeavesNothing(t *testing.T) {
	useEngine(t)
	checkpoint, err := filepath.Abs("../../testdata/oracle/pg1-a")
	must(t, err)
	t.Chdir(t.TempDir())
	_, err = convert.Run(t.Context(), checkpoint, "a.gguf", convert.Options{Type: "f32", SplitMaxSize: 1_200_000})
	must(t, err)
	parts, err := filepath.Glob("*")
	must(t, err)
	for _, looks := range []int64{0, 5, 50, 100} {
		var stdout, stderr bytes.Buffer
		code := run(testctx.New(t.Context(), looks), []string{"pgcli", "join", parts[0], "-o", "whole.gguf"}, strings.NewReader(""), &stdout, &stderr)
		if code != 130 || stderr.String() != "pgcli: interrupted\n" {
			t.Errorf("interrupted at look %d: exit code %d, want 130\n%s", looks+1, code, &stderr)
		}
		if left, err := filepath.Glob("*"); err != nil || !slices.Equal(left, parts) {
			t.Errorf("interrupted at look %d: there are %q, %v, want %q", looks+1, left, err, parts)
		}
	}
}
