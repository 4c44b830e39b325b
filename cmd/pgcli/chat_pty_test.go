//go:build linux

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSIGTERMEndsTheChat at its prompt, where the terminal is raw, and leaves the terminal as it
// was.
func TestSIGTERMEndsTheChat(t *testing.T) {
	for _, term := range []string{"xterm", "dumb"} {
		s := openScreen(t, 80, term, "chat", "demo/scene-08.jpg", "-t", "1")
		before := s.modes()
		s.until("> ", 1)
		must(t, s.cmd.Process.Signal(syscall.SIGTERM))
		if code := s.end(); code != 143 || !strings.Contains(s.shown(), "> \r\npgcli: interrupted\r\n") {
			t.Errorf("%s: exit code %d, want 143 and a line that says so:\n%q", term, code, s.shown())
		}
		if after := s.modes(); after != before {
			t.Errorf("%s: the terminal's settings are %+v, were %+v", term, after, before)
		}
	}
}

// TestChatOnADumbTerminal shows a prompt and no escape codes; Ctrl-C drops the line, and Ctrl-D
// ends the chat.
func TestChatOnADumbTerminal(t *testing.T) {
	s := openScreen(t, 80, "dumb", "chat", "demo/scene-08.jpg", "-t", "1")
	s.until("> ", 1)
	s.keys("\n/firss\x7ft\n") // the first line is empty
	s.until("no command /first", 1)
	s.until("\n> ", 3)
	s.keys("half a line")
	s.until("half a line", 1)
	s.keys("\x03")
	s.until("\n> ", 4)
	s.keys("/second\n")
	s.until("no command /second;", 1)
	s.keys("\x04")
	if code := s.end(); code != 0 || strings.Contains(s.shown(), "\x1b") {
		t.Errorf("exit code %d, want 0 and no escape codes:\n%q", code, s.shown())
	}
}

// TestLongAndPastedLines: a line that the terminal's editor has cut is refused, not asked, and one
// that a terminal marks as pasted is a line.
func TestLongAndPastedLines(t *testing.T) {
	s := openScreen(t, 80, "xterm", "chat", "demo/scene-08.jpg", "-t", "1")
	s.until("> ", 1)
	s.keys("/" + strings.Repeat("a", 5000) + "\r")
	s.until("the line has more than 4094 characters", 1)
	s.keys("\x1b[200~/pasted\r\x1b[201~\r")
	s.until("no command /pasted", 1)
	s.keys("\x04")
	if code := s.end(); code != 0 || strings.Contains(s.shown(), "ErrPaste") {
		t.Errorf("exit code %d, want 0:\n%q", code, s.shown())
	}
}

// TestLookingCanBeStopped: Ctrl-C stops /image at a pipe that nobody writes to, and leaves the
// chat and its picture; SIGTERM stops it and ends the chat, also after that Ctrl-C.
func TestLookingCanBeStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(path, 0o600))
	s := openScreen(t, 80, "dumb", "chat", "demo/scene-08.jpg", "-t", "1")
	s.until("> ", 1)
	s.keys("/image " + path + "\n")
	s.until("pgcli: reading ", 1)
	s.keys("\x03")
	s.until("pgcli: stopped", 1)
	s.keys("ocr\n/next\n")
	s.until("no command /next", 1)
	s.keys("/image " + path + "\n")
	s.until("pgcli: reading ", 2)
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	if code := s.end(); code != 143 || !strings.HasSuffix(s.shown(), "pgcli: interrupted\r\n") {
		t.Errorf("exit code %d, want 143 and a line that says so:\n%q", code, s.shown())
	}
}
