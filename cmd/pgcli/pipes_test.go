//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testrace"
)

// patience is far more than a command here takes.
const patience = 20 * time.Second * testrace.Slowness

// finish waits for a command and returns its exit code. A command that does not end is
// asked for its stacks and killed, which fails the test.
func finish(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	asked := time.AfterFunc(patience, func() { cmd.Process.Signal(syscall.SIGQUIT) })
	killed := time.AfterFunc(patience+5*time.Second, func() { cmd.Process.Kill() })
	_ = cmd.Wait()
	killed.Stop()
	if !asked.Stop() {
		t.Fatalf("%q does not end within %v:\n%v", cmd.Args, patience, cmd.Stderr)
	}
	return cmd.ProcessState.ExitCode()
}

// TestPipesAreNoModels: a pipe that nobody writes to, in place of a file that must be
// regular, is an error at once.
func TestPipesAreNoModels(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.gguf")
	must(t, syscall.Mkfifo(pipe, 0o600))
	folder := filepath.Join(dir, "checkpoint")
	must(t, os.CopyFS(folder, os.DirFS("../../testdata/oracle/pg1-a")))
	for _, name := range []string{"config.json", "tokenizer.model", "model.safetensors"} {
		must(t, os.RemoveAll(filepath.Join(folder, name)))
		must(t, syscall.Mkfifo(filepath.Join(folder, name), 0o600))
	}
	endless := filepath.Join(dir, "endless")
	must(t, os.CopyFS(endless, os.DirFS("../../testdata/oracle/pg1-a")))
	must(t, os.Remove(filepath.Join(endless, "config.json")))
	must(t, os.Symlink("/dev/zero", filepath.Join(endless, "config.json")))
	out := filepath.Join(dir, "out.gguf")
	for _, c := range []struct{ want, args string }{
		{"pipe.gguf: is a pipe, want a regular file", "run -p hi -m " + pipe},
		{"pipe.gguf: is a pipe, want a regular file", "run -p hi -m ../../models/tiny.gguf --mmproj " + pipe},
		{"pipe.gguf: is a pipe, want a regular file", "info " + pipe},
		{"pipe.gguf: is a pipe, want a regular file", "quantize --type q8_0 -o " + out + " " + pipe},
		{"pipe.gguf: is a pipe, want a regular file", "eval " + pipe},
		{"is a pipe, want a regular file", "convert --type q8_0 -o " + out + " " + folder},
		{"config.json: is a device, want a regular file", "convert --type q8_0 -o " + out + " " + endless},
	} {
		var stderr bytes.Buffer
		cmd := exec.Command("pgcli", strings.Fields(c.args)...)
		cmd.Env, cmd.Stderr = environment(t), &stderr
		must(t, cmd.Start())
		if code := finish(t, cmd); code != 1 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("pgcli %s: exit code %d, stderr %q, want %q", c.args, code, &stderr, c.want)
		}
	}
}

// TestInterruptWhileWaiting: Ctrl-C ends a command that waits for a pipe or for
// standard input.
func TestInterruptWhileWaiting(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	for _, args := range [][]string{
		{"run", pipe, "caption en"},
		{"run", "-", "caption en"},
		{"run", "-f", pipe},
		{"run", "-f", "-"},
		{"demo", "-o", t.TempDir(), "-"},
	} {
		var stderr bytes.Buffer
		cmd := exec.Command("pgcli", args...)
		cmd.Env, cmd.Stderr = environment(t), &stderr
		silent, err := cmd.StdinPipe()
		must(t, err)
		must(t, cmd.Start())
		time.Sleep(300 * time.Millisecond) // until it waits; a signal before is obeyed as well
		must(t, cmd.Process.Signal(os.Interrupt))
		if code := finish(t, cmd); code != 130 && code != -1 { // -1: so early that no handler was there
			t.Errorf("%q: exit code %d, stderr %q", args, code, &stderr)
		}
		silent.Close()
	}
}

// TestPictureAndPromptFromPipes asks as a shell's <(COMMAND) does: by the name of an
// open pipe. The answer is the one to the files.
func TestPictureAndPromptFromPipes(t *testing.T) {
	if _, err := os.Stat("/dev/fd"); err != nil {
		t.Skip("no /dev/fd")
	}
	tiny := makeTiny(t)
	ask := func(picture, prompts string, pipes ...*os.File) string {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command("pgcli", "run", "-m", filepath.Join(tiny, "model.gguf"), "-n", "8", picture, "-f", prompts)
		cmd.Env, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = environment(t), &stdout, &stderr, pipes
		must(t, cmd.Start())
		for _, p := range pipes {
			must(t, p.Close())
		}
		if code := finish(t, cmd); code != 0 {
			t.Fatalf("exit code %d, stderr %q", code, &stderr)
		}
		return stdout.String()
	}
	pour := func(path string) *os.File {
		data, err := os.ReadFile(path)
		must(t, err)
		r, w, err := os.Pipe()
		must(t, err)
		go func() {
			defer w.Close()
			io.Copy(w, bytes.NewReader(data))
		}()
		return r
	}
	picture, prompts := filepath.Join(tiny, "picture.png"), filepath.Join(tiny, "prompt.txt")
	want := ask(picture, prompts)
	if got := ask("/dev/fd/3", "/dev/fd/4", pour(picture), pour(prompts)); got != want || want == "" {
		t.Errorf("from pipes %q, from files %q", got, want)
	}
}
