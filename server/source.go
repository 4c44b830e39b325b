package server

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pgcli/paligemma/server/internal/remote"
)

// mostFetching is how many requests with pictures behind URLs are inside at a time, or
// Options.Parallel if that is more: such a request is short, and its pictures have up to
// Options.MaxBody bytes.
const mostFetching = 16

// remoteTime is the longest that a picture behind a URL may take to arrive.
const remoteTime = 30 * time.Second

// sources reads the pictures that requests name.
type sources struct {
	open        *remote.Reader // of Options.AllowURLs
	labelStudio *remote.Reader // nil without one
	base        *url.URL       // of Label Studio
	fetching    chan struct{}  // an element for each request that has fetched a picture
}

// newSources returns the sources that options allow.
func newSources(o *Options) *sources {
	s := &sources{fetching: make(chan struct{}, max(mostFetching, o.Parallel)), open: &remote.Reader{Hosts: o.AllowURLs, Most: o.MaxBody, Timeout: remoteTime}}
	if o.LabelStudio.URL == "" {
		return s
	}
	s.base, _ = url.Parse(o.LabelStudio.URL) // Options.fill has parsed it
	s.labelStudio = &remote.Reader{Hosts: []string{s.base.Host}, Private: true, Most: o.MaxBody, Timeout: remoteTime, Header: http.Header{}}
	if o.LabelStudio.Token != "" {
		s.labelStudio.Header.Set("Authorization", "Token "+o.LabelStudio.Token)
	}
	return s
}

// mostScheme bounds the name of a URL's kind and its colon, of which base64 has none.
const mostScheme = 32

// read returns the bytes of a picture: of a data URI, of plain base64, or behind a
// URL of a host that is allowed. There are no other kinds: no file of this machine
// is read. param names the field for errors.
func (s *sources) read(ctx context.Context, param, source string) ([]byte, error) {
	scheme, rest := "", source // base64 alone has no scheme
	if i := strings.IndexByte(source[:min(len(source), mostScheme)], ':'); i >= 0 {
		scheme, rest = strings.ToLower(source[:i]), source[i+1:]
	}
	switch {
	case source == "":
		return nil, wrong(param, "%s is missing: want a data URI of a picture, or base64", param)
	case scheme == "data":
		head, data, ok := strings.Cut(rest, ",")
		if !ok || !strings.HasSuffix(strings.ToLower(strings.TrimSpace(head)), ";base64") {
			return nil, wrong(param, "%s is a data URI without base64: want data:image/png;base64,…", param)
		}
		return decode(param, data)
	case scheme == "http" || scheme == "https":
		return s.fetch(ctx, s.open, param, source)
	case scheme != "" && strings.HasPrefix(rest, "//"):
		return nil, wrong(param, "%s is a URL of scheme %q: want a data URI, base64, or http(s) to a host that the server allows", param, scheme)
	}
	return decode(param, source)
}

// studio returns the bytes of a picture of a Label Studio task: its path on that server,
// such as /data/upload/1/a.jpg, or whatever read reads. The token goes to that host alone.
func (s *sources) studio(ctx context.Context, param, source string) ([]byte, error) {
	if strings.HasPrefix(source, "/") {
		if s.base == nil {
			return nil, wrong(param, "%s is a path of Label Studio: start the server with Label Studio's address (--label-studio)", param)
		}
		path, err := url.Parse(source)
		if err != nil {
			return nil, wrong(param, "%s is no path: %w", param, err)
		}
		return s.fetch(ctx, s.labelStudio, param, s.base.ResolveReference(path).String())
	}
	if u, err := url.Parse(source); err == nil && s.base != nil && strings.EqualFold(u.Host, s.base.Host) {
		return s.fetch(ctx, s.labelStudio, param, source)
	}
	return s.read(ctx, param, source)
}

// fetch reads the file behind a URL, of at most Options.MaxBody bytes, within remoteTime.
// Errors are 400, or the end of ctx: whether the host answers is up to the client's URL. A
// request waits at its first picture while mostFetching others are inside.
func (s *sources) fetch(ctx context.Context, r *remote.Reader, param, link string) ([]byte, error) {
	if err := r.Check(link); err != nil { // before it waits for others
		return nil, unread(param, err)
	}
	if request := recordOf(ctx); !request.fetches {
		select {
		case s.fetching <- struct{}{}:
			request.fetches = true
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	data, err := r.Read(ctx, link)
	switch {
	case err == nil:
		return data, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, unread(param, err)
}

// unread says that the picture behind a URL cannot be read.
func unread(param string, err error) error {
	if errors.Is(err, remote.ErrRefused) {
		return wrong(param, "%s: %w: send the picture as a data URI, or start the server with --allow-url HOST", param, err)
	}
	return wrong(param, "%s: the picture behind the URL cannot be read: %w", param, err)
}

// end ends what a request fetched.
func (s *sources) end(request *record) {
	if request.fetches {
		<-s.fetching
	}
}

// lines are left out of base64, which some programs break.
var lines = strings.NewReplacer("\n", "", "\r", "", " ", "")

// decode decodes base64, of either alphabet (RFC 4648, 4 and 5), with or without padding.
func decode(param, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\n\r ") {
		text = lines.Replace(text)
	}
	text = strings.TrimRight(text, "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	data, err := encoding.DecodeString(text)
	if err != nil || len(data) == 0 {
		return nil, wrong(param, "%s is not base64 of a picture: want a data URI such as data:image/png;base64,…, or its base64 alone", param)
	}
	return data, nil
}
