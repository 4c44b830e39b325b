//go:build unix

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testrace"
)

var kills = flag.Int("kills", 36, "`runs` that TestKilledAtAnyMoment and TestKilledBatches end")

// listing returns the names in a folder.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// contents returns the bytes of files.
func contents(t *testing.T, paths []string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		must(t, err)
		all[p] = data
	}
	return all
}

// TestKilledAtAnyMoment ends convert and quantize with SIGKILL, SIGINT and SIGTERM at
// random moments: the output is the old file or the whole new one, inputs stay as they
// are, and after the next run nothing else is left. SIGINT and SIGTERM leave nothing
// at once, and have their exit codes.
func TestKilledAtAnyMoment(t *testing.T) {
	runs := testrace.Share(*kills)
	tiny := makeTiny(t)
	source := filepath.Join(tiny, "model.gguf")
	checkpoint := filepath.Join("..", "..", "testdata", "oracle", "pg1-a")
	inputs, err := filepath.Glob(filepath.Join(checkpoint, "*"))
	must(t, err)
	before := contents(t, append(inputs, source))
	dir := t.TempDir()
	dst := filepath.Join(dir, "out.gguf")
	command := func(quantize bool) *exec.Cmd {
		args := []string{"convert", checkpoint}
		if quantize {
			args = []string{"quantize", source}
		}
		cmd := exec.Command("pgcli", append(args, "-o", dst, "--type", "f16", "--force", "--verify")...)
		cmd.Env = environment(t)
		return cmd
	}
	var whole [2][]byte
	var takes [2]time.Duration
	for i := range whole {
		start := time.Now()
		out, err := command(i == 1).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		takes[i] = time.Since(start)
		whole[i], err = os.ReadFile(dst)
		must(t, err)
	}
	signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM}
	outcomes := map[string]int{}
	for n := range runs {
		kind, signal := n%2, signals[n/2%3]
		old := []byte("old")
		if n%4 < 2 {
			must(t, os.WriteFile(dst, old, 0o600))
		} else {
			old = nil
			must(t, os.RemoveAll(dst))
		}
		cmd := command(kind == 1)
		must(t, cmd.Start())
		time.Sleep(time.Duration(rand.Int64N(int64(takes[kind] * 5 / 4))))
		cmd.Process.Signal(signal) // it may have ended
		err := cmd.Wait()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		got, readErr := os.ReadFile(dst)
		outcome := "whole"
		switch {
		case errors.Is(readErr, os.ErrNotExist) && old == nil, old != nil && bytes.Equal(got, old):
			outcome = "as before"
		case !bytes.Equal(got, whole[kind]):
			t.Errorf("%v: the output has %d bytes, %v, want the old file or %d bytes", signal, len(got), readErr, len(whole[kind]))
		}
		left := slices.DeleteFunc(listing(t, dir), func(name string) bool { return name == "out.gguf" })
		// Until the program listens to it, a signal ends it as any program.
		code := status.ExitStatus()
		ended := code == 0 || status.Signaled() && status.Signal() == signal || signal != syscall.SIGKILL && code == 128+int(signal)
		if !ended || code == 0 && outcome != "whole" {
			t.Errorf("%v: ended with %v, output %s", signal, err, outcome)
		}
		if signal != syscall.SIGKILL && len(left) > 0 {
			t.Errorf("%v: left %q", signal, left)
		}
		outcomes[fmt.Sprintf("%v: %s", signal, outcome)]++
		outcomes["temporary files left by SIGKILL"] += len(left)
		if len(left) > 0 || n == runs-1 {
			if out, err := command(kind == 1).CombinedOutput(); err != nil || len(left) > 0 && !strings.Contains(string(out), "was left by a run that was killed, and is removed") {
				t.Errorf("the next run: %v, %s", err, out)
			}
			if names := listing(t, dir); !slices.Equal(names, []string{"out.gguf"}) {
				t.Errorf("after the next run there is %q", names)
			}
		}
	}
	for path, data := range contents(t, append(inputs, source)) {
		if !bytes.Equal(data, before[path]) {
			t.Errorf("input %s has changed", path)
		}
	}
	t.Logf("%d runs: %v", runs, outcomes)
}

// TestFullOutputIsAnError: a disk that is full, or a limit on the size of files, is an
// error of every command that writes, and leaves no file.
func TestFullOutputIsAnError(t *testing.T) {
	tiny := makeTiny(t)
	model, picture := filepath.Join(tiny, "masks.gguf"), filepath.Join(tiny, "picture.png")
	data := filepath.Join(tiny, "data.jsonl")
	must(t, os.WriteFile(data, []byte(`{"image": "picture.png", "prompt": "ocr", "expected": "x"}`+"\n"), 0o600))
	for i, args := range [][]string{
		{}, {"help"}, {"help", "run"}, {"--help"}, {"run", "--help"}, {"run", "x.png", "-m", "y", "-h"}, {"version"}, {"devices"}, {"info", model}, {"info", model, "--json"}, {"tokenize", "a b", "-m", model}, {"tokenize", "a b", "--json", "-m", model},
		{"run", picture, "ocr", "-n", "2", "-m", model}, {"run", picture, "ocr", "-n", "2", "--json", "-m", model}, {"run", picture, "ocr", "--choices", "a,b", "-m", model},
		{"detect", picture, "cat", "-n", "60", "-m", model}, {"detect", picture, "cat", "-n", "60", "--coco", "-m", model},
		{"eval", data, "-n", "2", "-m", model}, {"compare", model, model, data, "-n", "2", "--json"},
		{"convert", filepath.Join("..", "..", "testdata", "oracle", "pg1-a"), "-o", "x.gguf", "--type", "f32", "--dry-run"},
	} {
		if !testrace.Chosen(i) {
			continue
		}
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip("no /dev/full")
		}
		var stderr bytes.Buffer
		cmd := exec.Command("pgcli", args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = environment(t), full, &stderr
		cmd.Run()
		full.Close()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), "no space left on device") {
			t.Errorf("pgcli %q: exit code %d, want 1\n%s", args, code, &stderr)
		}
	}
	dir := t.TempDir()
	for i, line := range []string{
		`pgcli quantize "$1" -o "$2"/x.gguf --type f16`,
		`pgcli detect "$3" cat -n 60 -m "$1" -t 1 --svg "$2"/x.svg`,
		`pgcli demo "$3" -o "$2" -m "$1" -n 9 -t 1`,
	} {
		if !testrace.Chosen(i) {
			continue
		}
		cmd := exec.Command("sh", "-c", "ulimit -f 8; "+line, "sh", model, dir, picture)
		cmd.Env = environment(t)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "file too large") {
			t.Errorf("%s: exit code %d, want 1\n%s", line, code, out)
		}
		if names := listing(t, dir); len(names) > 0 {
			t.Errorf("%s: left %q", line, names)
		}
	}
}
