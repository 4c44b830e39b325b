package main

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHelpFitsTheTerminal: lines of help are at most 80 columns wide, examples included.
func TestHelpFitsTheTerminal(t *testing.T) {
	for _, command := range newApp(nil, io.Discard, io.Discard).Commands {
		out, errs, code := pgcli(t, "help", command.Name)
		if code != 0 || errs != "" {
			t.Errorf("help %s: code %d, %s", command.Name, code, errs)
		}
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("help %s has a line of %d columns, want at most 80: %s", command.Name, n, line)
			}
		}
	}
}
