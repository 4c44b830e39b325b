//go:build unix

package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testrace"
)

// batchOf returns the command of a batch over the demo's pictures and a broken one.
func batchOf(t *testing.T, dir, out string) *exec.Cmd {
	cmd := exec.Command("pgcli", "batch", dir, "-p", "detect circle", "-p", "caption en", "-n", "8", "-t", "1", "--parallel", "3", "-o", out)
	cmd.Env = environment(t)
	return cmd
}

// batchWithoutTimes reads a file of records.
func batchWithoutTimes(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(regexp.MustCompile(`"(encode_ns|prefill_ns|decode_ns|ms)":[0-9.]+`).ReplaceAll(data, nil))
}

// TestKilledBatches kills a batch at random moments and starts it again, until it ends:
// the file is that of a batch that was not killed.
func TestKilledBatches(t *testing.T) {
	dir := t.TempDir()
	pictures, err := filepath.Glob("demo/*.jpg")
	must(t, err)
	for _, path := range pictures {
		data, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), data, 0o644))
	}
	must(t, os.WriteFile(filepath.Join(dir, "scene-07.jpg"), []byte("broken"), 0o644))
	work := t.TempDir()
	out := filepath.Join(work, "out.jsonl")
	start := time.Now()
	if text, err := batchOf(t, dir, out).CombinedOutput(); err == nil || len(batchWithoutTimes(t, out)) == 0 {
		t.Fatalf("%v\n%s", err, text)
	}
	took := time.Since(start)
	want := batchWithoutTimes(t, out)
	must(t, os.Remove(out))
	seed := uint64(start.UnixNano())
	t.Logf("seed %d; a run takes %v", seed, took)
	random := rand.New(rand.NewPCG(seed, 0))
	ended := 0
	for killed := 0; killed < testrace.Share(*kills); {
		cmd := batchOf(t, dir, out)
		must(t, cmd.Start())
		timer := time.AfterFunc(time.Duration(random.Float64()*float64(took)), func() { cmd.Process.Kill() })
		cmd.Wait()
		timer.Stop()
		if code := cmd.ProcessState.ExitCode(); code == -1 {
			killed++
			continue
		} else if code != exitSomeFailed {
			t.Fatalf("seed %d: exit code %d", seed, code)
		}
		ended++
		if got := batchWithoutTimes(t, out); got != want {
			t.Fatalf("seed %d, after %d kills: got\n%s\nwant\n%s", seed, killed, got, want)
		}
		must(t, os.Remove(out))
	}
	cmd := batchOf(t, dir, out)
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitSomeFailed || batchWithoutTimes(t, out) != want {
		t.Errorf("seed %d: the last run: exit code %d, got\n%s", seed, code, batchWithoutTimes(t, out))
	}
	if left, err := os.ReadDir(work); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	t.Logf("%d kills, %d files finished", testrace.Share(*kills), ended+1)
}
