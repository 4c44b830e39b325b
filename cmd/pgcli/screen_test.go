//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A screen is a pseudo-terminal with a pgcli in it.
type screen struct {
	t    *testing.T
	cmd  *exec.Cmd
	tty  *os.File
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{}
}

// openScreen starts pgcli in a terminal with a number of columns.
func openScreen(t *testing.T, columns int, term string, args ...string) *screen {
	t.Helper()
	s := &screen{t: t, cmd: exec.Command("pgcli", args...), done: make(chan struct{})}
	s.cmd.Env = append(environment(t), "TERM="+term)
	var err error
	s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 24, Cols: uint16(columns)})
	must(t, err)
	t.Cleanup(func() { s.cmd.Process.Kill(); s.tty.Close() })
	go func() {
		defer close(s.done)
		buf := make([]byte, 4096)
		for {
			n, err := s.tty.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			if err != nil { // EIO when the command ends
				return
			}
		}
	}()
	return s
}

// until waits for a text to appear n times.
func (s *screen) until(text string, n int) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); strings.Count(s.shown(), text) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%q is not on the screen %d times:\n%s", text, n, s.shown())
		}
	}
}

// longer waits for so many more bytes.
func (s *screen) longer(n int) {
	s.t.Helper()
	want := len(s.shown()) + n
	for end := time.Now().Add(time.Minute); len(s.shown()) < want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the screen has %d bytes, want %d:\n%s", len(s.shown()), want, s.shown())
		}
	}
}

func (s *screen) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) keys(k string) {
	s.t.Helper()
	_, err := io.WriteString(s.tty, k)
	must(s.t, err)
}

// end waits for the command and returns its exit code.
func (s *screen) end() int {
	s.cmd.Wait()
	<-s.done
	return s.cmd.ProcessState.ExitCode()
}

// modes returns the terminal's settings.
func (s *screen) modes() unix.Termios {
	s.t.Helper()
	m, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	must(s.t, err)
	return *m
}
