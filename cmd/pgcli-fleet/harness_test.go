package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgcli/paligemma/cmd/internal/interrupt"
)

// Environment of a test binary that is to be the command.
const (
	asCommand = "PGCLI_FLEET_TEST_COMMAND" // if 1
	killerOf  = "PGCLI_FLEET_TEST_KILLER"  // opening a picture of this name kills the process
	peakFile  = "PGCLI_FLEET_TEST_PEAK"    // gets the memory of the process, in the end
)

var pictures = flag.Int("pictures", 300, "pictures of the fleets that are disturbed")

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "1" {
		reading := func(name string) {
			if killer := os.Getenv(killerOf); killer != "" && filepath.Base(name) == killer {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
		code := run(interrupt.Context(), append([]string{"pgcli-fleet"}, os.Args[1:]...), os.Stdin, os.Stdout, os.Stderr, reading)
		notePeak()
		os.Exit(code)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// command returns the command as a process in a folder.
func command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asCommand+"=1", killerOf+"=killer.png")
	return cmd
}

// fleet runs the command in this process.
func fleet(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs syncBuffer
	code = run(ctx, append([]string{"pgcli-fleet"}, args...), strings.NewReader(""), &out, &errs, nil)
	return code, out.String(), errs.String()
}

// beside runs the command in a process of its own, beside others: two in one process would
// share the package cli's flags. log gets what it prints. The end of ctx is a SIGTERM.
func beside(ctx context.Context, log *syncBuffer, args ...string) (code int) {
	cmd := command("", args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(log, err)
		return -1
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	_ = cmd.Wait() // the exit code says it
	return cmd.ProcessState.ExitCode()
}

// wants reports each text that an output lacks.
func wants(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(output, text) {
			t.Errorf("the output lacks %q:\n%s", text, output)
		}
	}
}

// A syncBuffer is safe for a command and a test at the same time.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// scene writes a picture of a coloured square, which is another for each number.
func scene(t testing.TB, path string, n int) {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for y := range 16 {
		for x := range 16 {
			m.Set(x, y, color.White)
			if x > 3+n%3 && x < 12 && y > 3 && y < 10+n%4 {
				m.Set(x, y, color.RGBA{uint8(n * 37), uint8(n * 91), uint8(n * 151), 255})
			}
		}
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, m))
	must(t, os.WriteFile(path, b.Bytes(), 0o644))
}

// pgcli builds pgcli, or takes the one that PGCLI names.
var pgcli = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PGCLI"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "pgcli-fleet-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-C", "../..", "-o", filepath.Join(dir, "pgcli"), "./cmd/pgcli")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", build, err, out)
	}
	return filepath.Join(dir, "pgcli"), nil
})

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

// withoutTimes leaves the times out of records.
func withoutTimes(records string) string {
	return regexp.MustCompile(`"(encode_ns|prefill_ns|decode_ns|ms)":[0-9.]+`).ReplaceAllString(records, "")
}

// eventually waits for a condition, at most a minute.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
