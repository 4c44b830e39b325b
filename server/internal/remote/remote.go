// Package remote reads files behind URLs for a server whose clients choose the URL:
// from hosts that are allowed only, and never from a private address.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Errors to test for with errors.Is.
var (
	ErrRefused = errors.New("URL is not allowed")
	ErrTooBig  = errors.New("file is too big")
)

// mostRedirects are followed, each checked like the URL itself.
const mostRedirects = 3

// A Reader reads files. Its fields do not change once it is used.
type Reader struct {
	Hosts    []string      // host or host:port that may be read from
	Private  bool          // their addresses may be private
	Header   http.Header   // of each request; no redirect leaves the host if there is one
	Most     int64         // bytes of a file
	Timeout  time.Duration // of a file
	Resolver *net.Resolver // nil means the system's
}

// Read returns the file behind an http or https URL.
func (r *Reader) Read(ctx context.Context, link string) ([]byte, error) {
	u, err := r.parse(link)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	client, transport := r.client(u)
	defer transport.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", response.Request.URL.Host, response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, r.Most+1))
	switch {
	case err != nil:
		return nil, withoutURL(err)
	case int64(len(data)) > r.Most:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooBig, r.Most)
	}
	return data, nil
}

// client returns a client for one file. It asks no proxy, whose address would be
// checked in place of the host's, and unpacks nothing.
func (r *Reader) client(first *url.URL) (*http.Client, *http.Transport) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Resolver: r.Resolver, Control: r.control}
	transport := &http.Transport{
		DialContext: dialer.DialContext, DisableCompression: true, DisableKeepAlives: true,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		switch {
		case len(via) > mostRedirects:
			return fmt.Errorf("%w: more than %d redirects", ErrRefused, mostRedirects)
		case r.Header != nil && (next.URL.Host != first.Host || next.URL.Scheme != first.Scheme):
			return fmt.Errorf("%w: it redirects to another host, %s", ErrRefused, next.URL.Host)
		}
		return r.check(next.URL)
	}}, transport
}

// Check refuses a URL that Read would refuse by its text.
func (r *Reader) Check(link string) error {
	_, err := r.parse(link)
	return err
}

// parse parses a URL, and checks it.
func (r *Reader) parse(link string) (*url.URL, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be parsed", ErrRefused)
	}
	return u, r.check(u)
}

// check refuses a URL by its text.
func (r *Reader) check(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: scheme %q, want http or https", ErrRefused, u.Scheme)
	case u.User != nil:
		return fmt.Errorf("%w: it holds a user's name", ErrRefused)
	case !slices.ContainsFunc(r.Hosts, func(h string) bool {
		return strings.EqualFold(h, u.Host) || strings.EqualFold(h, u.Hostname()) && u.Port() == ""
	}):
		return fmt.Errorf("%w: host %q is not among those that are allowed", ErrRefused, u.Host)
	}
	return nil
}

// control refuses an address that is about to be dialled, when no name can point
// elsewhere any more.
func (r *Reader) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: address %q", ErrRefused, address)
	}
	if !r.Private && !Public(at.Addr()) {
		return fmt.Errorf("%w: its host has the private address %s", ErrRefused, at.Addr())
	}
	return nil
}

// withoutURL drops the URL from an error of package http: it may hold secrets.
func withoutURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
