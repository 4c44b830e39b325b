//go:build unix

package main

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testhub"
	"github.com/pgcli/paligemma/internal/testrace"
)

var arrivals = flag.Int("arrivals", 6, "`runs` that TestKilledArrivals ends")

// TestKilledArrivals kills conversions of a checkpoint that arrives slowly, at random
// moments, while its transfers break too: the file is whole and right or has no name, and
// later runs go on with what is there.
func TestKilledArrivals(t *testing.T) {
	h := atHub(t, &testhub.Hub{Files: checkpoint(t), Slow: 2 * time.Millisecond, Cut: 300 << 10, Reset: true})
	dir := t.TempDir()
	want, dst := filepath.Join(dir, "want.gguf"), filepath.Join(dir, "out.gguf")
	if _, errs, code := pgcli(t, "convert", "../../testdata/oracle/pg1-a", "-o", want, "--type", "f32", "--name", "x"); code != 0 {
		t.Fatal(errs)
	}
	right, err := os.ReadFile(want)
	must(t, err)
	command := func() *exec.Cmd {
		cmd := exec.Command("pgcli", "convert", "hf://"+testhub.Repo, "-o", dst, "--type", "f32", "--name", "x")
		cmd.Env = os.Environ()
		return cmd
	}
	start := time.Now()
	if out, err := command().CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(start)
	check := func() {
		t.Helper()
		if got, err := os.ReadFile(dst); err == nil && !bytes.Equal(got, right) {
			t.Fatal("a file that is not right has its name")
		}
	}
	check()
	must(t, os.Remove(dst))
	seed := uint64(start.UnixNano())
	t.Logf("seed %d; a run takes %v", seed, took)
	random := rand.New(rand.NewPCG(seed, 0))
	ended := 0
	for killed := 0; killed < testrace.Share(*arrivals); {
		cmd := command()
		var errs strings.Builder
		cmd.Stderr = &errs
		must(t, cmd.Start())
		timer := time.AfterFunc(time.Duration(random.Float64()*float64(took)), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		check()
		switch {
		case cmd.ProcessState.ExitCode() == -1:
			killed++
			_ = os.Remove(dst) // whole, if it was killed after it had given the file its name
		case err != nil:
			t.Fatalf("seed %d: %v: %s", seed, err, &errs)
		default:
			ended++
			must(t, os.Remove(dst))
		}
	}
	if out, err := command().CombinedOutput(); err != nil {
		t.Fatalf("seed %d: %v: %s", seed, err, out)
	}
	if check(); len(folderFiles(t, filepath.Join(dir, "*"))) != 2 {
		t.Errorf("left: %v", folderFiles(t, filepath.Join(dir, "*")))
	}
	resumed := 0
	for _, r := range h.Requests() {
		if strings.HasPrefix(r, "cdn") && strings.Contains(r, "bytes=") && !strings.Contains(r, "bytes=0-") {
			resumed++
		}
	}
	if resumed == 0 {
		t.Error("no run has gone on where another was killed")
	}
	t.Logf("%d kills, %d files finished, %d transfers began behind a file's start", testrace.Share(*arrivals), ended+1, resumed)
}
