//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// escapes are the codes that move a terminal's cursor.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// TestBatchOnATerminal: the bar of a batch that goes on fits the terminal, also a narrow one,
// and messages have lines of their own; a terminal that cannot move its cursor gets lines.
func TestBatchOnATerminal(t *testing.T) {
	tiny := makeTiny(t)
	picture, err := os.ReadFile(filepath.Join(tiny, "picture.png"))
	must(t, err)
	for _, c := range []struct {
		columns int
		term    string
	}{{80, "xterm"}, {24, "xterm"}, {24, "dumb"}} {
		t.Run(fmt.Sprint(c.columns, c.term), func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.jsonl")
			batch := func() (string, int) {
				s := openScreen(t, c.columns, c.term, "batch", filepath.Join(dir, "a"), "-p", "ocr", "-o", out, "-m", filepath.Join(tiny, "model.gguf"), "-t", "1", "-n", "4")
				code := s.end()
				return s.shown(), code
			}
			must(t, os.Mkdir(filepath.Join(dir, "a"), 0o700))
			add := func(name string, data []byte) {
				must(t, os.WriteFile(filepath.Join(dir, "a", name), data, 0o600))
			}
			for i := range 8 {
				add(fmt.Sprintf("%02d.png", i), picture)
			}
			if text, code := batch(); code != 0 {
				t.Fatalf("exit code %d:\n%s", code, text)
			}
			for i := range 4 {
				add(fmt.Sprintf("%02d.png", 20+i), picture)
			}
			add("10.png", []byte("no picture"))
			text, code := batch()
			if code != exitSomeFailed {
				t.Errorf("exit code %d:\n%s", code, text)
			}
			if c.term == "dumb" && escapes.MatchString(text) {
				t.Errorf("escape codes on a dumb terminal: %q", text)
			}
			shown := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(escapes.ReplaceAllString(text, "\n")), "\n")
			bar, message := 0, 0
			for _, line := range shown {
				switch {
				case strings.HasPrefix(line, "asking "):
					bar++
					if n := len([]rune(line)); n > c.columns {
						t.Errorf("the bar has %d columns, want at most %d: %q", n, c.columns, line)
					}
				case strings.HasPrefix(line, "pgcli: ") && strings.Contains(line, "10.png: "):
					message++
				case strings.Contains(line, "asking") && !(c.term == "dumb" && strings.HasPrefix(line, "pgcli: asking: ")):
					t.Errorf("a line is torn: %q", line)
				}
			}
			if message != 1 || (bar > 0) != (c.term == "xterm") || !strings.Contains(text, "pgcli: going on after 8 records") {
				t.Errorf("%d bars, and %d messages, want 1:\n%q", bar, message, text)
			}
			if !strings.Contains(text, "asking 13 / 13 ") && !strings.Contains(text, "asking: 13 of 13 pictures, ") {
				t.Errorf("the bar does not end:\n%q", text)
			}
		})
	}
}
