package hub_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

// A leaving transport ends a context while the answer of a request is read, or waited for.
type leaving struct {
	end    func()
	path   string // part of the address of that request
	status int    // of the answer; 0 for one whose body breaks
}

func (l leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !strings.Contains(r.URL.Path, l.path) {
		return answer, err
	}
	if l.status != 0 {
		answer.StatusCode, answer.Status = l.status, http.StatusText(l.status)
		l.end()
		return answer, nil
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{l, answer.Body}
	return answer, nil
}

func (l leaving) Read([]byte) (int, error) {
	l.end()
	return 0, errors.New("the connection is closed")
}

// TestTheEndOfAContextIsNoFaultOfTheNetwork: whoever leaves while an answer arrives gets
// the cause of the context, and nobody is told that the server cannot be reached, or gets
// what the cache has instead.
func TestTheEndOfAContextIsNoFaultOfTheNetwork(t *testing.T) {
	h, client := start(t, &testhub.Hub{})
	whole := snapshot(t, client, "main") // so that the cache has the commit
	if _, err := whole.Get(t.Context(), "config.json"); err != nil {
		t.Fatal(err)
	}
	file := h.URL + "/" + testhub.Repo + "/resolve/main/" + big
	calls := map[string]struct {
		path string
		call func(ctx context.Context, h *hub.Hub) error
	}{
		"the commit": {"/revision/", func(ctx context.Context, h *hub.Hub) error {
			s, err := h.Snapshot(ctx, testhub.Repo, "main")
			if err == nil {
				s.Close()
			}
			return err
		}},
		"the list": {"/tree/", func(ctx context.Context, h *hub.Hub) error {
			s, err := h.Snapshot(ctx, testhub.Repo, "main")
			if err == nil {
				s.Close()
			}
			return err
		}},
		"a file": {"/resolve/", func(ctx context.Context, h *hub.Hub) error {
			_, err := fetch(ctx, h)
			return err
		}},
		"a link": {"/resolve/", func(ctx context.Context, h *hub.Hub) error {
			return h.Fetch(ctx, hub.Link{URL: file}, filepath.Join(t.TempDir(), "a"))
		}},
		"JSON of a link": {"/resolve/", func(ctx context.Context, h *hub.Hub) error {
			return h.FetchJSON(ctx, hub.Link{URL: file}, new(any))
		}},
	}
	for name, c := range calls {
		for _, cause := range []error{errors.New("Ctrl-C"), context.DeadlineExceeded} {
			for _, status := range []int{0, http.StatusServiceUnavailable} {
				if name == "a link" && status == 0 {
					continue // no byte of the answer about its size is read
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				left := *client
				left.Transport = leaving{func() { cancel(cause) }, c.path, status}
				left.Notice = func(text string) { t.Errorf("%s, %v, status %d: the user is told %q", name, cause, status, text) }
				if err := c.call(ctx, &left); !errors.Is(err, cause) || errors.Is(err, hub.ErrNetwork) {
					t.Errorf("%s, %v, status %d: error %v, want the cause", name, cause, status, err)
				}
				cancel(nil)
			}
		}
	}
}
