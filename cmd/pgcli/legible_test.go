package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// TestControlSequencesAreShown: names and values of files reach a terminal without
// the signs that it would obey.
func TestControlSequencesAreShown(t *testing.T) {
	const hostile = "\x1b]0;owned\x07\x1b[2J\u009b31m"
	path := filepath.Join(t.TempDir(), "hostile.gguf")
	w, err := gguf.Create(path)
	must(t, err)
	defer w.Close()
	w.Add("general.architecture", hostile)
	w.Add("key"+hostile, []string{hostile, hostile})
	w.AddTensor("tensor"+hostile, gguf.F32, 1)
	must(t, w.WriteHeader())
	must(t, w.WriteTensor("tensor"+hostile, make([]byte, 4)))
	must(t, w.Commit())
	for _, args := range [][]string{
		{"info", "--tensors", path},
		{"run", "-m", path, "-p", "hi"},
		{"quantize", path, "-o", path + hostile, "--type", "q8_0"},
		{"convert", path + hostile, "-o", path + "x", "--type", "q8_0"},
		{"run", "-p", "hi", "--image", hostile + ".png"},
		{"run", "-p", "hi", "-f", hostile},
		{hostile},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"pgcli"}, args...), strings.NewReader(""), &stdout, &stderr)
		out := stdout.String() + stderr.String()
		if strings.ContainsAny(out, "\x1b\x07\u009b") {
			t.Errorf("%q: output %q", args, out)
		}
		if (code == 0) != (args[0] == "info") || out == "" {
			t.Errorf("%q: exit code %d, output %q", args, code, out)
		}
	}
	if _, err := os.Stat(path + "x"); err == nil {
		t.Error("something is converted")
	}
}
