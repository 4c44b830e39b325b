package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pgcli/paligemma/internal/newfile"
)

// partialEnding is the end of the name of a blob that is not complete.
const partialEnding = ".pgcli.partial"

// fetch writes a blob. Other processes wait for the one that is writing it.
func (s *Snapshot) fetch(ctx context.Context, f File, blob string) error {
	if err := os.MkdirAll(filepath.Dir(blob), 0o777); err != nil {
		return err
	}
	out, err := s.lockPartial(ctx, f, blob)
	if out == nil || err != nil {
		return err
	}
	defer out.Close()
	p := &part{file: out, File: f}
	if err := p.resume(); err != nil {
		return err
	}
	wrong := 0
	err = s.hub.again(ctx, func() (bool, error) {
		before := p.done
		err := s.receive(ctx, p)
		if err != nil {
			return p.done > before, err
		}
		got := hex.EncodeToString(p.hash.Sum(nil))
		if got == f.oid {
			return true, nil
		}
		// The bytes on the disk may be those that are wrong: start over once.
		err = fmt.Errorf("%s of %s: %w: its hash is %s, want %s", f.Path, s.Repo, ErrHash, got, f.oid)
		if wrong++; wrong < 2 {
			err = temporaryError{err}
		}
		return false, errors.Join(err, p.restart())
	})
	if err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), blob); err != nil { // Windows renames no open file
		if err := out.Close(); err != nil {
			return err
		}
		return os.Rename(out.Name(), blob)
	}
	return nil
}

// lockPartial opens the partial file of a blob. It returns nil if another process has
// completed the blob meanwhile.
func (s *Snapshot) lockPartial(ctx context.Context, f File, blob string) (*os.File, error) {
	for said := false; ; said = true {
		out, err := newfile.Lock(blob + partialEnding)
		if err == nil {
			// Between the look at the blob and the lock another may have completed it.
			if info, err := os.Stat(blob); err == nil && info.Size() == f.Size {
				return nil, errors.Join(os.Remove(out.Name()), out.Close())
			}
			return out, nil
		}
		if !errors.Is(err, newfile.ErrBusy) {
			return nil, err
		}
		if !said {
			s.hub.notice("%s: another process fetches it; waiting", f.Path)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// A part is the start of a file, on the disk and in the hash.
type part struct {
	File
	file *os.File
	done int64
	hash hash.Hash
}

// resume reads what is there.
func (p *part) resume() error {
	p.begin()
	n, err := io.Copy(p.hash, io.LimitReader(p.file, p.Size+1))
	if err != nil {
		return err
	}
	if p.done = n; n > p.Size {
		return p.restart()
	}
	return nil
}

// restart throws away what is there.
func (p *part) restart() error {
	p.begin()
	p.done = 0
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

// begin starts the hash: sha256 of the content, or git's sha1 of a blob.
func (p *part) begin() {
	if len(p.oid) == hex.EncodedLen(sha256.Size) {
		p.hash = sha256.New()
		return
	}
	p.hash = sha1.New()
	fmt.Fprintf(p.hash, "blob %d\x00", p.Size)
}

// Write adds to the part; no byte is hashed that is not written.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.hash.Write(b[:n])
	p.done += int64(n)
	return n, err
}

// receive asks for what is missing of a part, and writes it.
func (s *Snapshot) receive(ctx context.Context, p *part) error {
	if p.done == p.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(2*s.hub.stalled(), func() { cancel(errStalled) })
	defer timer.Stop()
	header := http.Header{}
	if p.done > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.done))
	}
	r, err := s.hub.get(ctx, s.hub.Endpoint+"/"+s.Repo+"/resolve/"+s.Commit+"/"+escape(p.Path), header)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	switch r.StatusCode {
	case http.StatusOK: // the whole file, whatever was asked for
		if p.done > 0 {
			err = p.restart()
		}
	case http.StatusPartialContent:
		if start, total := contentRange(r.Header.Get("Content-Range")); start != p.done || total != p.Size && total >= 0 {
			err = temporaryError{errors.Join(fmt.Errorf("%s of %s: %w: the server sends %q, want bytes from %d of %d", p.Path, s.Repo, ErrNetwork,
				r.Header.Get("Content-Range"), p.done, p.Size), p.restart())}
		}
	case http.StatusRequestedRangeNotSatisfiable:
		err = temporaryError{errors.Join(fmt.Errorf("%s of %s: %w: the server has no bytes from %d on", p.Path, s.Repo, ErrNetwork, p.done), p.restart())}
	default:
		err = s.hub.refusal(r, s.Repo, s.Commit, p.Path)
	}
	if err != nil {
		return err
	}
	body := &watched{r: r.Body, timer: timer, most: s.hub.stalled()}
	return s.copy(ctx, p, io.LimitReader(body, p.Size-p.done+1))
}

// copy writes body to the part, and tells the progress.
func (s *Snapshot) copy(ctx context.Context, p *part, body io.Reader) error {
	buffer := make([]byte, 256<<10)
	for {
		n, readErr := body.Read(buffer)
		if p.done+int64(n) > p.Size {
			return errors.Join(fmt.Errorf("%s of %s: %w: the server sends more than its %d bytes", p.Path, s.Repo, ErrHash, p.Size), p.restart())
		}
		if _, err := p.Write(buffer[:n]); err != nil {
			return err
		}
		if s.hub.Progress != nil && n > 0 {
			s.hub.Progress(p.Path, p.done, p.Size)
		}
		switch {
		case readErr == nil:
		case p.done == p.Size && errors.Is(readErr, io.EOF):
			return nil
		case errors.Is(readErr, io.EOF):
			return s.hub.unreachable(fmt.Errorf("%s ends after %d of %d bytes", p.Path, p.done, p.Size))
		default:
			if cause := context.Cause(ctx); cause != nil {
				readErr = cause
			}
			if errors.Is(readErr, context.Canceled) && !errors.Is(readErr, errStalled) {
				return readErr
			}
			return s.hub.unreachable(fmt.Errorf("%s after %d of %d bytes: %w", p.Path, p.done, p.Size, readErr))
		}
	}
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
