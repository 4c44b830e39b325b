package hub_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

// TestStalledTransferEnds guards against waiting for ever for a host that sends nothing.
func TestStalledTransferEnds(t *testing.T) {
	quit := make(chan struct{})
	_, client := start(t, &testhub.Hub{Fault: func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/resolve/") {
			return false
		}
		w.Header().Set("Content-Length", "300000")
		_, _ = w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		<-quit
		return true
	}, Files: map[string][]byte{big: content(300_000)}})
	t.Cleanup(func() { close(quit) })
	client.Stalled = 50 * time.Millisecond
	if _, err := fetch(t.Context(), client); !errors.Is(err, hub.ErrNetwork) || !strings.Contains(err.Error(), "no byte came") {
		t.Errorf("error is %v", err)
	}
}

// TestMissing names what is missing.
func TestMissing(t *testing.T) {
	_, client := start(t, &testhub.Hub{})
	for _, c := range []struct{ repo, revision, want string }{
		{"maker/other", "main", "is its name right"},
		{testhub.Repo, "v2", `no revision "v2"`},
	} {
		if _, err := client.Snapshot(t.Context(), c.repo, c.revision); !errors.Is(err, hub.ErrNotFound) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error is %v", c, err)
		}
	}
	s := snapshot(t, client, testhub.Commit)
	if _, err := s.Get(t.Context(), "nothing.gguf"); !errors.Is(err, hub.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, big); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: error is %v", err)
	}
}

// TestMissingLinks: a link without a Refuse of its own is refused in plain words, as a file
// and as JSON.
func TestMissingLinks(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	client := &hub.Hub{Cache: t.TempDir(), Wait: time.Millisecond}
	link := hub.Link{URL: server.URL + "/none"}
	for name, err := range map[string]error{
		"Fetch":     client.Fetch(t.Context(), link, filepath.Join(client.Cache, "none")),
		"FetchJSON": client.FetchJSON(t.Context(), link, new(any)),
	} {
		if !errors.Is(err, hub.ErrNotFound) || !strings.Contains(err.Error(), link.URL) {
			t.Errorf("%s: %v, want an ErrNotFound that names %s", name, err, link.URL)
		}
	}
}
