package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/pgcli/paligemma/internal/infile"
)

const (
	tries         = 3
	mostRedirects = 10
	mostJSON      = 8 << 20 // bytes of an answer that lists files, of which the Hub puts 1,000 on a page
	mostPages     = 100
	mostFiles     = 100_000 // of a repository; the Hub asks for fewer
)

// transport has the timeouts of everything but a body, which may take hours.
var transport http.RoundTripper = &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
	TLSHandshakeTimeout:   15 * time.Second,
	ResponseHeaderTimeout: 30 * time.Second,
	IdleConnTimeout:       30 * time.Second,
	ForceAttemptHTTP2:     true,
	DisableCompression:    true, // hashes and lengths are of what is stored
}

// get asks for a URL of the endpoint. The token goes to the endpoint's host alone, not to
// the hosts that large files are redirected to. The caller closes the body.
func (h *Hub) get(ctx context.Context, link string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	for k, v := range header {
		request.Header[k] = v
	}
	request.Header.Set("User-Agent", "pgcli")
	if h.Token != "" {
		request.Header.Set("Authorization", "Bearer "+h.Token)
	}
	client := http.Client{Transport: h.Transport, CheckRedirect: checkRedirect}
	if h.Transport == nil {
		client.Transport = transport
	}
	response, err := client.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which may be signed
		}
		var refused redirectError
		if errors.As(err, &refused) {
			return nil, fmt.Errorf("%s sends to an address that is not followed: %w; nothing was fetched from there. Look at HF_ENDPOINT, if it is set", h.Endpoint, refused)
		}
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStalled) {
			return nil, cause
		}
		return nil, h.unreachable(err)
	}
	return response, nil
}

// A redirectError says why a redirect is not followed. Another try would get the same.
type redirectError struct{ why string }

func (e redirectError) Error() string { return e.why }

// checkRedirect takes the token out of requests to other hosts. Go would let
// subdomains have it.
func checkRedirect(request *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch scheme := request.URL.Scheme; {
	case len(via) >= mostRedirects:
		return redirectError{fmt.Sprintf("more than %d redirects", mostRedirects)}
	case first.Scheme == "https" && scheme != "https":
		return redirectError{fmt.Sprintf("a redirect from https to %q", scheme)}
	case scheme != "https" && scheme != "http":
		return redirectError{fmt.Sprintf("a redirect to %q, want http or https", scheme)}
	case request.URL.Host != first.Host || request.URL.Scheme != first.Scheme:
		request.Header.Del("Authorization")
		request.Header.Del("Referer")
	}
	return nil
}

// again calls f until it succeeds or fails for good: three times at most, with growing
// waits. A try that made progress, as f says, starts the count again. Once ctx is over, its
// cause takes the place of a failure that another try might mend.
func (h *Hub) again(ctx context.Context, f func() (progress bool, err error)) error {
	wait := h.Wait
	if wait == 0 {
		wait = 2 * time.Second
	}
	for try := 1; ; try++ {
		progress, err := f()
		var temporary temporaryError
		if err == nil || !errors.As(err, &temporary) {
			return err
		}
		if cause := context.Cause(ctx); cause != nil { // a transfer that ctx broke off looks like one that the network did
			return cause
		}
		if progress {
			try = 1
		}
		if try == tries {
			return fmt.Errorf("%w (%d tries)", temporary.error, tries)
		}
		select {
		case <-time.After(wait << (try - 1)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// getJSON decodes an answer of the API, and returns the URL of the next page.
func (h *Hub) getJSON(ctx context.Context, link, repo, revision string, v any) (next string, err error) {
	err = h.again(ctx, func() (bool, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, 2*h.stalled(), errStalled)
		defer cancel()
		r, err := h.get(ctx, link, http.Header{"Accept": {"application/json"}})
		if err != nil {
			return false, err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return false, h.refusal(r, repo, revision, "the list of files")
		}
		data, err := infile.ReadAll(r.Body, r.ContentLength, mostJSON)
		if errors.Is(err, infile.ErrTooLong) {
			return false, fmt.Errorf("%s: the list of files %w", repo, err)
		}
		if err != nil {
			return false, h.unreachable(err)
		}
		if err := json.Unmarshal(data, v); err != nil {
			return false, fmt.Errorf("%s: %s answers with other JSON than the Hub: %w", repo, h.Endpoint, err)
		}
		next, err = nextPage(link, r.Header.Get("Link"))
		return false, err
	})
	return next, err
}

var linkForm = regexp.MustCompile(`<([^>]*)>\s*;\s*rel="?next"?`)

// nextPage returns the URL that a Link header names as the next, of the same host.
func nextPage(link, header string) (string, error) {
	m := linkForm.FindStringSubmatch(header)
	if m == nil {
		return "", nil
	}
	base, err := url.Parse(link)
	if err != nil {
		return "", err
	}
	next, err := base.Parse(m[1])
	if err != nil || next.Host != base.Host {
		return "", fmt.Errorf("the list of files goes on at %q, want a page of %s", m[1], base.Host)
	}
	next.Scheme = base.Scheme
	return next.String(), nil
}

// escape spells a path or revision for a URL. Slashes of a path stay.
func escape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// errStalled is about a transfer that brings nothing.
var errStalled = errors.New("no byte came for too long")

func (h *Hub) stalled() time.Duration {
	if h.Stalled != 0 {
		return h.Stalled
	}
	return 30 * time.Second
}

// A watched reader calls stop if a read waits longer than most.
type watched struct {
	r     io.Reader
	timer *time.Timer
	most  time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(w.most)
	defer w.timer.Stop() // between reads the caller may take any time
	return w.r.Read(p)
}
