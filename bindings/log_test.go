package bindings

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A recorder is a slog.Handler that keeps the records.
type recorder struct {
	mu      sync.Mutex
	records []slog.Record
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }
func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, rec)
	return nil
}

// TestLogFromGGML makes ggml itself complain of a file that is not a plug-in.
func TestLogFromGGML(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		var r recorder
		lib.SetLogger(slog.New(&r))
		defer lib.SetLogger(nil)
		bad := write(t, "libggml-bad.so", []byte("not a library"))
		if lib.fn.load(bad) != 0 {
			t.Fatal("a text file is a plug-in")
		}
		found := false
		for _, rec := range r.records {
			found = found || rec.Level == slog.LevelError && strings.Contains(rec.Message, bad)
			rec.Attrs(func(a slog.Attr) bool {
				if a.String() != "source=ggml" {
					t.Errorf("attribute %v, want source=ggml", a)
				}
				return true
			})
		}
		if !found {
			t.Errorf("no error names %s: %v", bad, r.records)
		}
		lib.SetLogger(nil)
		n := len(r.records)
		lib.fn.load(bad)
		if len(r.records) != n {
			t.Error("a logger gets lines after it was taken away")
		}
	})
}

// again is a slog.Handler that has ggml log once more.
type again struct {
	recorder
	lib *Lib
	bad string
}

func (a *again) Handle(ctx context.Context, rec slog.Record) error {
	if bad := a.bad; bad != "" {
		a.bad = ""
		a.lib.fn.load(bad)
	}
	return a.recorder.Handle(ctx, rec)
}

// TestLoggerMayUseGGML, such as load another one.
func TestLoggerMayUseGGML(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		bad := write(t, "libggml-bad.so", []byte("not a library"))
		a := &again{lib: lib, bad: bad}
		lib.SetLogger(slog.New(a))
		defer lib.SetLogger(nil)
		lib.fn.load(bad)
		if len(a.records) < 2 {
			t.Errorf("%d records, want those of both loads", len(a.records))
		}
	})
}

// TestLogLines covers how ggml's pieces become lines with levels.
func TestLogLines(t *testing.T) {
	var got []logLine
	var s logSink
	for _, piece := range []struct {
		level int32
		text  string
	}{
		{1, "debug\n"}, {2, "info: a"}, {logContinued, ", b"}, {logContinued, "\n"},
		{3, "two\nlines\n"}, {4, "\n"}, {4, "error"}, {4, "\n"}, {2, ""},
	} {
		got = append(got, s.add(piece.level, piece.text)...)
	}
	want := []logLine{
		{slog.LevelDebug, "debug"}, {slog.LevelInfo, "info: a, b"}, {slog.LevelWarn, "two"},
		{slog.LevelWarn, "lines"}, {slog.LevelError, "error"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("lines %v, want %v", got, want)
	}
}

func TestCString(t *testing.T) {
	if s := cString(nil); s != "" {
		t.Errorf("nil is %q", s)
	}
	text := []byte("ggml\x00rest")
	if s := cString(&text[0]); s != "ggml" {
		t.Errorf("got %q, want ggml", s)
	}
}

// silentChild says which door a child process of TestSilent goes through.
const silentChild = "PALIGEMMA_TEST_SILENT"

// TestSilent runs this test again in a process of its own, where ggml does
// things that it logs, and expects nothing on its output.
func TestSilent(t *testing.T) {
	if door := Door(os.Getenv(silentChild)); door != "" {
		lib := openDoor(t, door)
		_, _ = lib.LoadPlugins(write(t, "libggml-bad.so", []byte("not a library")))
		h := newHandles(t, lib)
		if !h.sched.Alloc(h.graph) || h.sched.Compute(h.graph) != Success {
			t.Error("compute failed")
		}
		h.close(t)
		return
	}
	eachDoor(t, func(t *testing.T, lib *Lib) {
		self, err := os.Executable()
		must(t, err)
		cmd := exec.Command(self, "-test.run=^TestSilent$")
		cmd.Env = append(os.Environ(), silentChild+"="+string(lib.Door()))
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s%s", err, &stdout, &stderr)
		}
		if stderr.Len() > 0 || strings.TrimSpace(stdout.String()) != "PASS" {
			t.Errorf("ggml prints by default: stdout %q, stderr %q", &stdout, &stderr)
		}
	})
}
