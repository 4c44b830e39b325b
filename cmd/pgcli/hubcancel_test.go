package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pgcli/paligemma/cmd/internal/interrupt"
	"github.com/pgcli/paligemma/internal/testhub"
)

// TestInterruptedAtTheHub: Ctrl-C while a command asks the Hub ends the command with 130,
// and nothing else is said of it.
func TestInterruptedAtTheHub(t *testing.T) {
	h := &testhub.Hub{Files: checkpoint(t)}
	atHub(t, h)
	real, err := url.Parse(h.URL)
	must(t, err)
	for name, c := range map[string]struct {
		asked string // part of the address that is asked for when Ctrl-C comes
		args  []string
	}{
		"the headers of weights":     {"-of-", []string{"convert", "hf://" + testhub.Repo, "-o", "x.gguf", "--type", "q8_0", "--dry-run"}},
		"the mask decoder of a demo": {maskSpace, []string{"run", filepath.Join("demo", "scene-05.jpg"), "caption en", "-hf", testhub.Repo + ":q8_0"}},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		proxy := httputil.NewSingleHostReverseProxy(real)
		proxy.ErrorLog = log.New(io.Discard, "", 0) // of the client that leaves
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, c.asked) {
				cancel(interrupt.Error{Signal: syscall.SIGINT})
			}
			proxy.ServeHTTP(w, r)
		}))
		proxy.ModifyResponse = func(r *http.Response) error { // of the list's next page
			r.Header.Set("Link", strings.ReplaceAll(r.Header.Get("Link"), h.URL, server.URL))
			return nil
		}
		t.Setenv("HF_ENDPOINT", server.URL)
		var stdout, stderr bytes.Buffer
		code := run(ctx, append([]string{"pgcli"}, c.args...), strings.NewReader(""), &stdout, &stderr)
		server.Close()
		if context.Cause(ctx) == nil {
			t.Errorf("%s: not asked for\n%s", name, &stderr)
		}
		if code != 130 || stdout.Len() > 0 || !strings.HasSuffix(stderr.String(), "pgcli: interrupted\n") || strings.Contains(stderr.String(), "no mask decoder") {
			t.Errorf("%s: exit code %d, want 130, and no more than that it is interrupted\n%s%s", name, code, &stdout, &stderr)
		}
		cancel(nil)
	}
}
