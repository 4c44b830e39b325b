//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testengine"
	"github.com/pgcli/paligemma/internal/testrace"
)

// environment returns that of a pgcli which finds a ggml.
func environment(t *testing.T) []string {
	t.Helper()
	if builtIn {
		return os.Environ()
	}
	return append(os.Environ(), "PALIGEMMA_GGML="+testengine.Shared(t))
}

// longRun starts a command whose answer takes minutes, and waits for the start of
// the answer.
func longRun(t *testing.T, stderr io.Writer) (cmd *exec.Cmd, stdout io.ReadCloser, start []byte) {
	t.Helper()
	tiny := makeTiny(t)
	cmd = exec.Command("pgcli", "run", "-m", filepath.Join(tiny, "model.gguf"), "--image", filepath.Join(tiny, "picture.png"),
		"-f", filepath.Join(tiny, "prompt.txt"), "-c", "50000", "-t", "1", "--cache-type", "f32", "--repeats", "-n", "-1")
	cmd.Env = environment(t)
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	start = make([]byte, 40)
	_, err = io.ReadFull(stdout, start)
	must(t, err)
	return cmd, stdout, start
}

// TestInterruptEndsTheLine: Ctrl-C during an answer leaves the answer so far with a
// newline, and the exit code is 128 and the signal's number, as shells report it.
func TestInterruptEndsTheLine(t *testing.T) {
	for signal, want := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		var stderr bytes.Buffer
		cmd, stdout, start := longRun(t, &stderr)
		must(t, cmd.Process.Signal(signal))
		sent := time.Now()
		rest, err := io.ReadAll(stdout)
		must(t, err)
		err = cmd.Wait()
		if took := time.Since(sent); took > 5*time.Second*testrace.Slowness {
			t.Errorf("%v: ended after %v", signal, took)
		}
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%v: exit code %d, %v, want %d", signal, code, err, want)
		}
		answer := string(start) + string(rest)
		if !strings.HasPrefix(answer, "<loc0751><loc0504>") || !strings.HasSuffix(answer, "\n") {
			t.Errorf("%v: answer starts with %q, ends with %q", signal, start, answer[len(answer)-1:])
		}
		if stderr.String() != "pgcli: interrupted\n" {
			t.Errorf("%v: stderr is %q", signal, &stderr)
		}
	}
}

// TestClosedPipeEndsSilently: when the reader of the answer closes the pipe, the
// command ends without a message.
func TestClosedPipeEndsSilently(t *testing.T) {
	var stderr bytes.Buffer
	cmd, stdout, _ := longRun(t, &stderr)
	must(t, stdout.Close())
	var failed *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &failed) {
		t.Fatalf("ended with %v, want a failure", err)
	}
	if status := failed.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGPIPE && status.ExitStatus() != 141 {
		t.Errorf("ended with %v, want SIGPIPE or exit code 141", failed)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr is %q", &stderr)
	}
}
