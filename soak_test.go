//go:build linux

package paligemma

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/models"
)

var (
	soakRuns   = flag.Int("soak.runs", 60, "TestSoakRuns: how many runs")
	soakCycles = flag.Int("soak.cycles", 12, "TestSoakCycles: how often a model is opened and closed")
)

// longSoak is the number of rounds from which on resident memory is compared: in fewer
// rounds, the heap's own growth is more than 2 %.
const longSoak = 1000

// A holding is everything that the process holds.
type holding struct {
	resident                int // bytes
	goroutines, descriptors int
	threads                 int // of C: Go keeps as many as it needed once
	natives                 int // handles of ggml
}

// held measures after a collection. Goroutines that are about to end are waited for.
// Threads are those beside Go's own, up to a constant: Go counts one that it has not
// started where there is cgo.
func held(t *testing.T, lib *bindings.Lib, goroutines int) (h holding) {
	t.Helper()
	for range 100 {
		if h.goroutines = runtime.NumGoroutine(); h.goroutines <= goroutines {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	for line := range strings.Lines(string(status)) {
		if key, value, _ := strings.Cut(line, ":"); key == "VmRSS" {
			fmt.Sscan(value, &h.resident)
			h.resident <<= 10
		} else if key == "Threads" {
			fmt.Sscan(value, &h.threads)
			h.threads -= pprof.Lookup("threadcreate").Count()
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, f := range files {
		if to, _ := os.Readlink("/proc/self/fd/" + f.Name()); strings.HasPrefix(to, "socket:") {
			t.Errorf("descriptor %s is a %s: the library opens no connection", f.Name(), to)
		}
	}
	h.descriptors, h.natives = len(files), lib.Live()
	return h
}

// soak repeats round, and wants the process to hold after all rounds what it holds
// after the first ones: a tenth, or 30, in which each kind of graph is built, and 300
// where resident memory counts.
func soak(t *testing.T, e EngineOptions, rounds int, round func(i int)) {
	t.Helper()
	lib, err := bindings.Open(e.Library)
	must(t, err)
	quiet := goleak.IgnoreCurrent()
	goroutines := runtime.NumGoroutine()
	first := max(rounds/10, min(30, rounds/2))
	if rounds >= longSoak {
		first = max(first, 300) // until then C's allocator takes more, as RATIONALE.md says
	}
	for i := range first {
		round(i)
	}
	early := held(t, lib, goroutines)
	start := time.Now()
	for i := first; i < rounds; i++ {
		round(i)
	}
	took := time.Since(start) / time.Duration(rounds-first)
	late := held(t, lib, early.goroutines)
	t.Logf("%d rounds of %v: resident %.1f MB, then %.1f MB; %d goroutines, %d descriptors, %d native handles", rounds, took,
		float64(early.resident)/1e6, float64(late.resident)/1e6, late.goroutines, late.descriptors, late.natives)
	if rounds >= longSoak && float64(late.resident) > 1.02*float64(early.resident) {
		t.Errorf("resident memory grows from %d to %d bytes, want 2 %% at most", early.resident, late.resident)
	}
	early.resident, late.resident = 0, 0
	if late != early {
		t.Errorf("the process holds %+v, want as after %d rounds: %+v", late, first, early)
	}
	goleak.VerifyNone(t, quiet)
}

// TestSoakRuns asks one model again and again, about pictures and without, with
// grammars, samplings and cancellations.
func TestSoakRuns(t *testing.T) {
	eachDoor(t, func(t *testing.T, e EngineOptions) {
		m, err := New(models.Tiny(), &Options{Engine: e, Threads: 1})
		must(t, err)
		pictures := scenes(t, 3)
		images := encodeAll(t, m, pictures)
		detect := Detect("star", "circle")
		soak(t, e, *soakRuns, func(i int) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := m.NewSession()
			must(t, err)
			about := images[i%3:][:1]
			switch i % 5 {
			case 0:
				var img *Image
				img, err = m.Encode(ctx, pictures[i%3])
				must(t, err)
				_, err = s.Run(ctx, []*Image{img}, Caption("en"), nil)
			case 1:
				_, err = s.Run(ctx, about, detect, &Sampling{Temperature: 1, Seed: uint64(i), MaxTokens: 20})
			case 2:
				_, err = s.Run(ctx, nil, "count star", &Sampling{Temperature: 1, TopK: 20, Seed: uint64(i), MaxTokens: 8})
			case 3:
				_, err = s.Run(ctx, about, Segment("square"), &Sampling{MaxTokens: 40})
			default:
				time.AfterFunc(time.Duration(i%7)*time.Millisecond, cancel)
				if _, err = s.Run(ctx, about, OCR(), nil); errors.Is(err, context.Canceled) {
					err = nil
				}
			}
			must(t, s.Close())
			must(t, err)
		})
		must(t, m.Close())
	})
}

// TestSoakCycles opens a file, answers, and closes it again and again.
func TestSoakCycles(t *testing.T) {
	path := filepath.Join("models", "tiny.gguf")
	img := scenes(t, 1)[0]
	eachDoor(t, func(t *testing.T, e EngineOptions) {
		soak(t, e, *soakCycles, func(i int) {
			o := Options{Engine: e, Threads: 1 + i%2}
			if i%3 == 0 {
				o.Threads, o.Kernels = 1, "off"
			}
			m, err := Open(path, &o)
			must(t, err)
			_, err = m.Run(t.Context(), img, Caption("en"), &Sampling{MaxTokens: 4})
			must(t, err)
			must(t, m.Close())
		})
	})
}
