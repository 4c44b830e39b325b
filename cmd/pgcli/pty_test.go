//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/pgcli/paligemma/internal/testhub"
)

// TestChatOnATerminal: lines can be edited, Ctrl-C stops an answer and not the chat,
// another picture can be looked at afterwards, Ctrl-D ends it, and the terminal is as
// it was before.
func TestChatOnATerminal(t *testing.T) {
	tiny := makeTiny(t)
	s := openScreen(t, 80, "xterm", "chat", filepath.Join(tiny, "picture.png"), "-m", filepath.Join(tiny, "model.gguf"), "-t", "1", "-c", "50000", "--repeats", "-n", "-1")
	before := s.modes()
	s.until("> ", 1)
	lines := strings.Count(s.shown(), "\n")
	s.keys("cption en\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Da\r") // a word is mended
	s.until("\n", lines+1)
	s.longer(40) // of the answer: until it begins, Ctrl-C is a key of the editor
	s.keys("\x03")
	s.until("pgcli: stopped", 1)
	s.keys("/image " + filepath.Join(tiny, "picture.png") + "\r")
	s.keys("/nothing\r")
	s.until("no command /nothing", 1)
	if strings.Contains(s.shown(), "picture.png: context canceled") {
		t.Errorf("Ctrl-C reaches what comes after the answer:\n%s", s.shown())
	}
	s.keys("half a line\x03/other\r") // Ctrl-C empties the line
	s.until("no command /other", 1)
	s.keys("\x04")
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, s.shown())
	}
	if after := s.modes(); after != before {
		t.Errorf("the terminal's settings are %+v, were %+v", after, before)
	}
}

// TestControlsStayOffTheTerminal: an answer cannot move the cursor or do worse; a file
// gets it as it is.
func TestControlsStayOffTheTerminal(t *testing.T) {
	master, tty, err := pty.Open()
	must(t, err)
	defer master.Close()
	defer tty.Close()
	const text = "a\x1b[2J\x07\tb\nc\u009b"
	if got, want := shown(tty, text), "a\ufffd[2J\ufffd\tb\nc\ufffd"; got != want {
		t.Errorf("a terminal gets %q, want %q", got, want)
	}
	if got := shown(io.Discard, text); got != text {
		t.Errorf("a file gets %q, want %q", got, text)
	}
}

// TestTablesFitTheTerminal: no line is wider than 40 columns where one of 80 is not
// wanted, and a terminal that knows no escape codes gets none.
func TestTablesFitTheTerminal(t *testing.T) {
	picture := filepath.Join("demo", "scene-21.jpg")
	for _, args := range [][]string{
		{"detect", picture, "star"}, {"bench", "-r", "1", "-t", "1,2", "--test", "vit,tg4"}, {"help", "run"}, {"help", "chat"}, {"help"}, {"devices"},
	} {
		s := openScreen(t, 40, "dumb", args...)
		if code := s.end(); code != 0 {
			t.Errorf("%q: exit code %d:\n%s", args, code, s.shown())
		}
		if strings.Contains(s.shown(), "\x1b") {
			t.Errorf("%q: escape codes on a dumb terminal: %q", args, s.shown())
		}
		for line := range strings.Lines(s.shown()) {
			line = strings.TrimRight(line, "\r\n")
			message := strings.HasPrefix(line, "pgcli: ") || strings.HasPrefix(line, "version ") ||
				strings.Contains(line, " pgcli ") || strings.Contains(line, string(filepath.Separator)+"libggml") // an example, a path
			if n := len([]rune(line)); n > 40 && !message {
				t.Errorf("%q: %d columns: %q", args, n, line)
			}
		}
	}
}

// TestProgressOnADumbTerminal: what is fetched and converted is shown in lines, none of which
// is written again.
func TestProgressOnADumbTerminal(t *testing.T) {
	for what, files := range map[string]map[string][]byte{"fetching": converted(t, "x-f32.gguf", "--type", "f32"), "writing": checkpoint(t)} {
		atHub(t, &testhub.Hub{Files: files})
		s := openScreen(t, 80, "dumb", "tokenize", "a", "-hf", testhub.Repo+":f32")
		if code := s.end(); code != 0 {
			t.Errorf("%s: exit code %d:\n%s", what, code, s.shown())
		}
		text := strings.ReplaceAll(s.shown(), "\r\n", "\n")
		if strings.ContainsAny(text, "\r\x1b") || !strings.Contains(text, "pgcli: "+what) || !strings.Contains(text, "100 % of") {
			t.Errorf("%s: a dumb terminal gets %q, want lines", what, text)
		}
	}
}

// TestStatusWhileLoading: a terminal says what takes its time and takes the line away;
// nothing of it stays on the line of the answer.
func TestStatusWhileLoading(t *testing.T) {
	master, tty, err := pty.Open()
	must(t, err)
	defer master.Close()
	must(t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 20}))
	t.Setenv("TERM", "xterm")
	s := newStatus(tty)
	s.show("loading a model with a long name")
	time.Sleep(statusAfter + 200*time.Millisecond)
	s.clear()
	s.clear() // again does nothing
	tty.Close()
	got, _ := io.ReadAll(master) // EIO at the end
	if want := "\r\x1b[Kpgcli: loading a mo\r\x1b[K"; string(got) != want {
		t.Errorf("the terminal got %q, want %q", got, want)
	}
	var piped bytes.Buffer
	quiet := newStatus(&piped)
	quiet.show("loading")
	time.Sleep(statusAfter + 100*time.Millisecond)
	quiet.clear()
	if piped.Len() > 0 {
		t.Errorf("a pipe got %q", &piped)
	}
}

// TestBarAfterResizeAndInterrupt: a bar fits the terminal, also a narrower one, and
// Ctrl-C leaves the report on lines of its own and the terminal as it was.
func TestBarAfterResizeAndInterrupt(t *testing.T) {
	tiny := makeTiny(t)
	data := filepath.Join(tiny, "many.jsonl")
	must(t, os.WriteFile(data, bytes.Repeat([]byte(`{"image": "picture.png", "prompt": "ocr", "expected": "x"}`+"\n"), 3000), 0o600))
	s := openScreen(t, 40, "xterm", "eval", data, "-m", filepath.Join(tiny, "model.gguf"), "-t", "1", "-n", "8")
	before := s.modes()
	s.until("asking", 2)
	must(t, pty.Setsize(s.tty, &pty.Winsize{Rows: 24, Cols: 30}))
	wide := len(s.shown())
	s.until("asking", 6)
	s.keys("\x03")
	if code := s.end(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if after := s.modes(); after != before {
		t.Errorf("the terminal's settings are %+v, were %+v", after, before)
	}
	at := 0
	for line := range strings.Lines(s.shown()) {
		limit := 40
		if at > wide+200 { // a bar may be drawn once more before the command hears of the new size
			limit = 30
		}
		at += len(line)
		if i := strings.LastIndex(line, "asking"); i >= 0 && len(strings.TrimRight(line[i:], "\r\n")) > limit {
			t.Errorf("a bar is wider than %d columns: %q", limit, line[i:])
		}
	}
	if !strings.Contains(s.shown(), "\nPARTIAL: stopped after ") || !strings.HasSuffix(s.shown(), "\npgcli: interrupted\r\n") {
		t.Errorf("the end of the screen is %q", s.shown()[max(0, len(s.shown())-300):])
	}
}
