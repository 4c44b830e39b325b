package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakesAreNamed: what a message says is what the user gave, and a flag that
// there is.
func TestMistakesAreNamed(t *testing.T) {
	useEngine(t)
	picture := filepath.Join("demo", "scene-08.jpg")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"run", "--max-memory", "1000", picture, "caption en"}, 1, "--max-memory leaves"},
		{[]string{"run", os.DevNull, "caption en"}, 1, "is a device, want a"},
		{[]string{"serve", "--listen", "nonsense"}, 2, "--listen: listen tcp: address nonsense: missing port in address: want HOST:PORT, such as"},
		{[]string{"serve", "--timeout", "5"}, 2, `--timeout is "5", want a time, such as 30s or 2m`},
		{[]string{"serve", "--listen", "127.0.0.1:99999"}, 2, "--listen: listen tcp: address 99999: invalid port"},
	} {
		var out, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"pgcli"}, c.args...), strings.NewReader(""), &out, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.want) || strings.Contains(stderr.String(), "Options.") {
			t.Errorf("%q: exit code %d, want %d, and %q without names of Go:\n%s", c.args, code, c.code, c.want, &stderr)
		}
	}
}
