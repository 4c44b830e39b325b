package hub

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/newfile"
)

// A Link is a file of a web server that keeps no hashes as the Hub does.
type Link struct {
	URL    string
	Header http.Header                  // of requests to its host alone, such as Authorization; nil for none
	Refuse func(r *http.Response) error // explains a status that is not a success; nil for a plain message
}

// refusal explains a status that is not a success.
func (l Link) refusal(r *http.Response) error {
	if l.Refuse != nil {
		return l.Refuse(r)
	}
	return plainRefusal(r, l.URL)
}

// Fetch fetches a link's file to dst, unless a file is there already. It compares the size,
// and the MD5 hash if the server has said one in X-Goog-Hash, as Google's do. The Hub's token
// goes along only to the Hub.
func (h *Hub) Fetch(ctx context.Context, link Link, dst string) error {
	if info, err := os.Stat(dst); err == nil && info.Mode().IsRegular() {
		return nil
	}
	u, err := url.Parse(link.URL)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	if h.Offline {
		return fmt.Errorf("%s is %w, and --offline (or HF_HUB_OFFLINE) forbids to fetch it", link.URL, ErrOffline)
	}
	from := *h
	if from.Endpoint = u.Scheme + "://" + u.Host; from.Endpoint != h.Endpoint {
		from.Token, from.other = "", true
	}
	p := &part{File: File{Path: path.Base(u.Path)}, of: u.Host, link: link.URL, header: link.Header, refuse: link.refusal}
	sum, err := from.measure(ctx, p)
	if err != nil {
		return err
	}
	out, err := from.lockPartial(ctx, p.File, dst)
	if out == nil || err != nil {
		return h.onDisk(err, p.Size)
	}
	defer out.Close()
	info, err := out.Stat()
	if err != nil {
		return err
	}
	p.unhashed = sum == nil
	if p.done = info.Size(); p.done > p.Size || p.unhashed { // nobody knows what is there
		p.done = 0
	}
	if _, err := out.Seek(p.done, io.SeekStart); err != nil {
		return err
	}
	p.out = out
	if err = from.receiveAll(ctx, p); err == nil {
		err = from.settle(ctx, out, p, sum)
	}
	if errors.Is(err, ErrHash) {
		return errors.Join(err, out.Truncate(0))
	}
	if err != nil {
		return h.onDisk(err, p.Size)
	}
	return newfile.Rename(out.Name(), dst)
}

// measure asks for the size of a file, and for its MD5, nil if the server does not say it.
func (h *Hub) measure(ctx context.Context, p *part) (sum []byte, err error) {
	err = h.again(ctx, func() (bool, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, 2*h.stalled(), errStalled)
		defer cancel()
		header := p.header.Clone()
		if header == nil {
			header = http.Header{}
		}
		header.Set("Range", "bytes=0-0")
		r, err := h.get(ctx, p.link, header)
		if err != nil {
			return false, err
		}
		defer r.Body.Close()
		switch r.StatusCode {
		case http.StatusPartialContent:
			_, p.Size = contentRange(r.Header.Get("Content-Range"))
		case http.StatusOK:
			p.Size = r.ContentLength
		default:
			return false, p.refuse(r)
		}
		if p.Size <= 0 || p.Size > mostBytes {
			return false, fmt.Errorf("%s of %s: the server says that it has %d bytes, want 1 to %d; fetch it with another program, and give its path", p.Path, p.of, p.Size, int64(mostBytes))
		}
		for _, value := range r.Header.Values("X-Goog-Hash") {
			for _, one := range strings.Split(value, ",") {
				text, ok := strings.CutPrefix(strings.TrimSpace(one), "md5=")
				if hash, err := base64.StdEncoding.DecodeString(text); ok && err == nil && len(hash) == md5.Size {
					sum = hash
				}
			}
		}
		return false, nil
	})
	return sum, err
}

// settle compares the hash of a file that is complete, and waits until it is on the disk.
func (h *Hub) settle(ctx context.Context, out *os.File, p *part, sum []byte) error {
	if err := out.Truncate(p.Size); err != nil {
		return err
	}
	hash := md5.New()
	if _, err := io.Copy(hash, infile.Checked(ctx, io.NewSectionReader(out, 0, p.Size))); err != nil {
		return err
	}
	if got := hash.Sum(nil); sum != nil && string(got) != string(sum) {
		return fmt.Errorf("%s of %s: %w: its hash is %x, want %x; the next try starts over", p.Path, p.of, ErrHash, got, sum)
	}
	return out.Sync()
}

// plainRefusal explains the status of a server that is not the Hub.
func plainRefusal(r *http.Response, link string) error {
	err := fmt.Errorf("%s: %w: the server answers %s", link, ErrNetwork, r.Status)
	switch {
	case r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w: is the address right?", link, ErrNotFound)
	case r.StatusCode >= 500 || r.StatusCode == http.StatusTooManyRequests:
		return temporaryError{err}
	}
	return err
}

// FetchJSON decodes the JSON that a link answers with into v. It keeps nothing, and sends no
// token of the Hub.
func (h *Hub) FetchJSON(ctx context.Context, link Link, v any) error {
	if h.Offline {
		return fmt.Errorf("%s is %w, and --offline (or HF_HUB_OFFLINE) forbids to fetch it", link.URL, ErrOffline)
	}
	from := *h
	from.Token, from.Endpoint, from.other = "", link.URL, true
	return from.again(ctx, func() (bool, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, 2*h.stalled(), errStalled)
		defer cancel()
		r, err := from.get(ctx, link.URL, link.Header)
		if err != nil {
			return false, err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return false, link.refusal(r)
		}
		data, err := infile.ReadAll(r.Body, r.ContentLength, mostJSON)
		if err != nil {
			return false, from.unreachable(err)
		}
		if err := json.Unmarshal(data, v); err != nil {
			return false, fmt.Errorf("%s answers with other JSON than is expected: %w", link.URL, err)
		}
		return false, nil
	})
}
