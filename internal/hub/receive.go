package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A part is a range of a file's bytes, and how far it has arrived.
type part struct {
	File
	link   string                     // where the file is
	of     string                     // its repository, or another name for people
	header http.Header                // of each request; nil for none
	refuse func(*http.Response) error // explains a status that is not a success

	out   io.Writer
	done  int64 // bytes from the file's start that out has, or that nobody wants
	end   int64 // the first byte that nobody wants any more; 0 for the file's size
	whole bool  // the server has failed to send a range: ask for all, and pass over what is there
	quiet bool  // report no progress

	unhashed bool   // no hash will be compared: all bytes must come from one version of the file
	version  string // of unhashed bytes, as the server names it; "" if it does not
}

// sameVersion reports whether an answer is about the same version of the file as the bytes
// that have arrived, as far as the server says.
func (p *part) sameVersion(r *http.Response) bool {
	version := cmp.Or(r.Header.Get("ETag"), r.Header.Get("Last-Modified"))
	if p.done == 0 || p.version == "" {
		p.version = version
	}
	return version == p.version
}

// last returns where the part ends.
func (p *part) last() int64 {
	if p.end > 0 {
		return p.end
	}
	return p.Size
}

// receiveAll receives a part, again as long as that may help.
func (h *Hub) receiveAll(ctx context.Context, p *part) error {
	return h.again(ctx, func() (progress bool, err error) {
		before := p.done
		err = h.receive(ctx, p)
		return p.done > before, err
	})
}

// receive asks for what is missing of a part, and writes it.
func (h *Hub) receive(ctx context.Context, p *part) error {
	if p.done == p.last() {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(2*h.stalled(), func() { cancel(errStalled) })
	defer timer.Stop()
	header := http.Header{}
	maps.Copy(header, p.header)
	switch {
	case p.whole:
	case p.last() < p.Size:
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", p.done, p.last()-1))
	case p.done > 0:
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.done))
	}
	r, err := h.get(ctx, p.link, header)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body := &watched{r: r.Body, timer: timer, most: h.stalled()}
	if r.StatusCode < 300 && p.unhashed && !p.sameVersion(r) {
		return fmt.Errorf("%s of %s: %w: it changed on the server while it was fetched; the next try starts over", p.Path, p.of, ErrHash)
	}
	switch r.StatusCode {
	case http.StatusOK: // the whole file, whatever was asked for
		if _, err := io.CopyN(io.Discard, body, p.done); err != nil {
			return h.broken(ctx, p, err)
		}
	case http.StatusPartialContent:
		if start, total := contentRange(r.Header.Get("Content-Range")); start != p.done || total != p.Size && total >= 0 {
			p.whole = true
			return temporaryError{fmt.Errorf("%s of %s: %w: the server sends %q, want bytes from %d of %d", p.Path, p.of, ErrNetwork,
				r.Header.Get("Content-Range"), p.done, p.Size)}
		}
	case http.StatusRequestedRangeNotSatisfiable:
		p.whole = true
		return temporaryError{fmt.Errorf("%s of %s: %w: the server has no bytes from %d on", p.Path, p.of, ErrNetwork, p.done)}
	default:
		return p.refuse(r)
	}
	return h.copy(ctx, p, body)
}

// copy writes body to the part, and tells the progress.
func (h *Hub) copy(ctx context.Context, p *part, body io.Reader) error {
	buffer := make([]byte, 256<<10)
	for {
		room := buffer
		if p.end > 0 { // more than the part may follow
			room = buffer[:min(int64(len(buffer)), p.end-p.done)]
		}
		n, readErr := body.Read(room)
		if p.done+int64(n) > p.Size {
			return fmt.Errorf("%s of %s: %w: the server sends more than its %d bytes", p.Path, p.of, ErrHash, p.Size)
		}
		written, err := p.out.Write(room[:n])
		p.done += int64(written)
		if err != nil {
			return err
		}
		if h.Progress != nil && n > 0 && !p.quiet {
			h.Progress(p.Path, p.done, p.Size)
		}
		switch {
		case p.end > 0 && p.done == p.end:
			return nil
		case readErr == nil:
		case p.done == p.Size && errors.Is(readErr, io.EOF):
			return nil
		default:
			return h.broken(ctx, p, readErr)
		}
	}
}

// broken explains why a transfer ended before the part was complete.
func (h *Hub) broken(ctx context.Context, p *part, err error) error {
	if errors.Is(err, io.EOF) {
		return h.unreachable(fmt.Errorf("%s ends after %d of %d bytes", p.Path, p.done, p.Size))
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, context.Canceled) && !errors.Is(err, errStalled) {
		return err
	}
	return h.unreachable(fmt.Errorf("%s after %d of %d bytes: %w", p.Path, p.done, p.Size, err))
}

// contentRange reads "bytes FIRST-LAST/TOTAL"; total is -1 for "*". It returns -1, 0 for
// anything else.
func contentRange(s string) (first, total int64) {
	span, of, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	start, _, ok2 := strings.Cut(span, "-")
	first, err := strconv.ParseInt(start, 10, 64)
	if !ok || !ok2 || err != nil {
		return -1, 0
	}
	if of == "*" {
		return first, -1
	}
	if total, err = strconv.ParseInt(of, 10, 64); err != nil {
		return -1, 0
	}
	return first, total
}
