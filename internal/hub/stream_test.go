package hub_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

func open(t *testing.T, client *hub.Hub, offset, n int64) (io.ReadCloser, error) {
	t.Helper()
	return snapshot(t, client, "main").Open(t.Context(), big, offset, n)
}

// TestStream reads spans of a file through transfers that break, and servers that know no
// ranges.
func TestStream(t *testing.T) {
	data := content(300_000)
	for name, h := range map[string]*testhub.Hub{"whole": {}, "cut": {Cut: 70_000}, "reset": {Cut: 64 << 10, Reset: true}, "no ranges": {NoRange: true}} {
		for _, span := range [][2]int64{{0, 300_000}, {0, 1}, {0, 100_000}, {299_999, 1}, {123_456, 100_000}, {200_000, 100_000}, {5, 0}} {
			h := &testhub.Hub{Files: map[string][]byte{big: data}, Cut: h.Cut, Reset: h.Reset, NoRange: h.NoRange}
			_, client := start(t, h)
			r, err := open(t, client, span[0], span[1])
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !slices.Equal(got, data[span[0]:span[0]+span[1]]) {
				t.Errorf("%s, %v: %d bytes, %v", name, span, len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if asked := h.Requests(); !h.NoRange && h.Cut == 0 && span == [2]int64{123_456, 100_000} && !strings.Contains(asked[len(asked)-1], "bytes=123456-223455") {
				t.Errorf("asked for %q", asked[len(asked)-1])
			}
		}
	}
}

// TestStreamFaults wants an error that says what to do, and no endless read.
func TestStreamFaults(t *testing.T) {
	file := map[string][]byte{big: content(300_000)}
	down := func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/resolve/") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	short := func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/resolve/") {
			_, _ = io.WriteString(w, "x")
			return true
		}
		return false
	}
	for name, c := range map[string]struct {
		hub *testhub.Hub
		is  error
	}{
		"gated": {&testhub.Hub{Files: file, Gated: true}, hub.ErrGated},
		"down":  {&testhub.Hub{Files: file, Fault: down}, hub.ErrNetwork},
		"short": {&testhub.Hub{Files: file, Fault: short}, hub.ErrNetwork},
	} {
		_, client := start(t, c.hub)
		r, err := open(t, client, 10, 1000)
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		if !errors.Is(err, c.is) {
			t.Errorf("%s: error is %v, want %v", name, err, c.is)
		}
	}
	_, client := start(t, &testhub.Hub{Files: file})
	if _, err := open(t, client, 299_999, 2); err == nil {
		t.Error("a span beyond the file is opened")
	}
}

// TestStreamEnds with its context, and when it is closed, while nothing comes.
func TestStreamEnds(t *testing.T) {
	quit := make(chan struct{})
	h := &testhub.Hub{Files: map[string][]byte{big: content(300_000)}, Fault: func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/resolve/") {
			<-quit
			return true
		}
		return false
	}}
	_, client := start(t, h)
	t.Cleanup(func() { close(quit) })
	s := snapshot(t, client, "main")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := s.Open(ctx, big, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	if r, err = s.Open(t.Context(), big, 0, 1000); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestStreamWaitsForItsReader: a reader that takes longer than a stalled transfer may.
func TestStreamWaitsForItsReader(t *testing.T) {
	data := content(60 << 20) // more than arrives ahead
	h, client := start(t, &testhub.Hub{Files: map[string][]byte{big: data}})
	client.Stalled = time.Second
	r, err := open(t, client, 0, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(r, got[:1000]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * client.Stalled)
	if _, err := io.ReadFull(r, got[1000:]); err != nil || !slices.Equal(got, data) {
		t.Errorf("%v, or other bytes", err)
	}
	sent := 0
	for _, asked := range h.Requests() {
		if strings.HasPrefix(asked, "cdn") {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("%d transfers, want one", sent)
	}
}
