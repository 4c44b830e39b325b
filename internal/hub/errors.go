package hub

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"

	"github.com/pgcli/paligemma/internal/newfile"
)

// Errors to test for with errors.Is.
var (
	ErrGated    = errors.New("needs a licence that is accepted")
	ErrNotFound = errors.New("not found")
	ErrOffline  = errors.New("not in the cache")
	ErrNetwork  = errors.New("the server cannot be reached")
	ErrHash     = errors.New("wrong content")
	ErrNoSpace  = errors.New("no space left")
)

// A temporaryError is a failure after which another try may succeed.
type temporaryError struct{ error }

func (e temporaryError) Unwrap() error { return e.error }

// refusal makes an error of a response whose status is not a success. what names the file
// that was asked for.
func (h *Hub) refusal(r *http.Response, repo, revision, what string) error {
	code := r.Header.Get("X-Error-Code")
	page := h.Endpoint + "/" + repo
	denied := r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden
	switch {
	case code == "GatedRepo" && h.Token == "":
		return fmt.Errorf("%s %w: open %s, accept it (it is free), then set HF_TOKEN to a token of %s/settings/tokens, or run \"hf auth login\"", repo, ErrGated, page, h.Endpoint)
	case code == "GatedRepo":
		return fmt.Errorf("%s %w: the account of this token has not accepted it, or the token may not read gated models: open %s and accept it", repo, ErrGated, page)
	case code == "RevisionNotFound":
		return fmt.Errorf("%s has no revision %q: %w; its branches and tags are at %s/tree/main", repo, revision, ErrNotFound, page)
	case code == "EntryNotFound":
		return fmt.Errorf("%s has no file %q at revision %q: %w; its files are at %s/tree/%s", repo, what, revision, ErrNotFound, page, revision)
	case code == "RepoNotFound" || r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w at %s: is its name right? A private model needs HF_TOKEN", repo, ErrNotFound, h.Endpoint)
	case denied && h.Token != "":
		return fmt.Errorf("%s: %s refuses the token (%s): is it right and not expired? Set HF_TOKEN, or run \"hf auth login\"", repo, h.Endpoint, r.Status)
	case denied:
		return fmt.Errorf("%s: %s wants a token (%s): is the name right? If it is, set HF_TOKEN, or run \"hf auth login\"", repo, h.Endpoint, r.Status)
	}
	err := fmt.Errorf("%s: %s of %s: %w: it answers %s", repo, what, h.Endpoint, ErrNetwork, r.Status)
	if r.StatusCode >= 500 || r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusRequestTimeout {
		return temporaryError{err}
	}
	return err
}

// unreachable is about a request that got no answer, or half of one.
func (h *Hub) unreachable(err error) error {
	advice := "look at the connection, a proxy (HTTPS_PROXY) or another server (HF_ENDPOINT), or use what the cache has with --offline"
	if h.other {
		advice = "look at the connection and a proxy (HTTPS_PROXY), or fetch the file with another program and give its path"
	}
	if errors.As(err, new(*tls.CertificateVerificationError)) { // as it will be at the next try
		return fmt.Errorf("%w at %s: %w; are the system's certificates installed (Debian, Ubuntu: apt-get install ca-certificates), "+
			"with that of a proxy that reads along (SSL_CERT_FILE), and is the clock right?", ErrNetwork, h.Endpoint, err)
	}
	return temporaryError{fmt.Errorf("%w at %s: %w; %s", ErrNetwork, h.Endpoint, err, advice)}
}

// onDisk explains an error of writing to the cache.
func (h *Hub) onDisk(err error, size int64) error {
	switch {
	case newfile.Full(err):
		return fmt.Errorf("%w in %s for a file of %d bytes: remove models with \"pgcli models --remove\", or set HF_HUB_CACHE to a folder on another disk (%w)", ErrNoSpace, h.Cache, size, err)
	case errors.As(err, new(*fs.PathError)) || errors.As(err, new(*os.LinkError)):
		return fmt.Errorf("the cache %s cannot be written: %w; set HF_HOME to a folder that you may write to", h.Cache, err)
	}
	return err
}
