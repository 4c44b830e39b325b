//go:build unix

package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestServeEnds: the server prints its address, as clients spell it, and ends by SIGTERM
// with exit code 0. Nothing is left of a socket.
func TestServeEnds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for listen, want := range map[string]string{"127.0.0.1:0": "^http://127\\.0\\.0\\.1:[0-9]+$", "unix:" + socket: "^unix:" + regexp.QuoteMeta(socket) + "$"} {
		s := startServe(t, "--listen", listen)
		if !regexp.MustCompile(want).MatchString(s.address) {
			t.Errorf("--listen %s prints %q, want %s", listen, s.address, want)
		}
		must(t, s.Process.Signal(syscall.SIGTERM))
		if code := finish(t, s.Cmd); code != 0 || !strings.Contains(s.stderr.String(), "requests that run have 30s to end") {
			t.Errorf("--listen %s: exit code %d\n%s", listen, code, &s.stderr)
		}
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket after the end: %v", err)
	}
}

// TestServeSocket: a socket is the user's alone, and one that a killed server left is
// no hindrance.
func TestServeSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	killed := startServe(t, "--listen", "unix:"+path)
	must(t, killed.Process.Kill())
	killed.Wait()
	s := startServe(t, "--listen", "unix:"+path)
	info, err := os.Stat(path)
	must(t, err)
	if s.address != "unix:"+path || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%s has mode %v", s.address, info.Mode())
	}
	if status := s.status("POST", "/tokenize", `{"content":"cat"}`, ""); status != 200 {
		t.Errorf("status %d", status)
	}
	file := filepath.Join(filepath.Dir(path), "file")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	long := filepath.Join(filepath.Dir(path), strings.Repeat("x", 100))
	for taken, want := range map[string]string{path: "another program listens on", file: "is a file and no socket: choose another path", filepath.Dir(path): "is a folder",
		filepath.Join(file, "s"): "not a directory", filepath.Join(long, "s"): "too many for the path of a socket", "": "want unix:PATH", "@pgcli": "want unix:PATH"} {
		refusesToServe(t, want, "--listen", "unix:"+taken)
	}
	if text, err := os.ReadFile(file); string(text) != "x" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if status := s.status("GET", "/health", "", ""); status != 200 {
		t.Errorf("status %d afterwards", status)
	}
}

// TestSocketIsNeverOthers: nobody else can connect between the socket's first moment and
// its last.
func TestSocketIsNeverOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stop, seen := make(chan struct{}), make(chan os.FileMode, 1)
	go func() {
		defer close(seen)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if info, err := os.Lstat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
				seen <- info.Mode()
				return
			}
		}
	}()
	for range 500 {
		l, _, err := listen("unix:"+path, nil)
		must(t, err)
		must(t, l.Close())
	}
	close(stop)
	if mode, ok := <-seen; ok {
		t.Errorf("the socket had mode %v", mode)
	}
}

// TestTakenAddress: the error says how to get another.
func TestTakenAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	if _, _, err := listen(l.Addr().String(), nil); !errors.Is(err, inUse) || !strings.HasSuffix(err.Error(), "; --listen names another, and its port 0 is a free one") {
		t.Errorf("error is %v", err)
	}
}
