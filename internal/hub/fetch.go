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
	"time"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/newfile"
)

// partialEnding is the end of the name of a blob that is not complete.
const partialEnding = ".pgcli.partial"

// part describes a file of the snapshot that is to be received.
func (s *Snapshot) part(f File) *part {
	return &part{File: f, of: s.Repo, link: s.hub.Endpoint + "/" + s.Repo + "/resolve/" + s.Commit + "/" + escape(f.Path),
		refuse: func(r *http.Response) error { return s.hub.refusal(r, s.Repo, s.Commit, f.Path) }}
}

// fetch writes a blob. Other processes wait for the one that is writing it.
func (s *Snapshot) fetch(ctx context.Context, f File, blob string) error {
	out, err := s.hub.lockPartial(ctx, f, blob)
	if out == nil || err != nil {
		return err
	}
	defer out.Close()
	b := &partial{file: out}
	p := s.part(f)
	p.out = b
	if p.done, err = b.resume(ctx, f); err != nil {
		return err
	}
	restart := func() error {
		p.done = 0
		return b.restart(f)
	}
	wrong := 0
	err = s.hub.again(ctx, func() (bool, error) {
		before := p.done
		err := s.hub.receive(ctx, p)
		if errors.Is(err, ErrHash) {
			return false, errors.Join(err, restart())
		}
		if err != nil {
			return p.done > before, err
		}
		got := hex.EncodeToString(b.hash.Sum(nil))
		if got == f.oid {
			return true, nil
		}
		// The bytes on the disk may be those that are wrong: start over once.
		err = fmt.Errorf("%s of %s: %w: its hash is %s, want %s", f.Path, s.Repo, ErrHash, got, f.oid)
		if wrong++; wrong < 2 {
			err = temporaryError{err}
		}
		return false, errors.Join(err, restart())
	})
	if err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	return newfile.Rename(out.Name(), blob)
}

// lockPartial opens the partial file of dst, which is to become f. It waits while another
// process fetches f, and returns nil if that one has completed it.
func (h *Hub) lockPartial(ctx context.Context, f File, dst string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(dst), 0o777); err != nil {
		return nil, err
	}
	for said := false; ; said = true {
		out, err := newfile.Lock(dst + partialEnding)
		if err == nil {
			// Between the look at dst and the lock another may have completed it.
			if there(dst, f.Size) {
				return nil, errors.Join(newfile.Remove(out.Name()), out.Close())
			}
			return out, nil
		}
		if !errors.Is(err, newfile.ErrBusy) {
			return nil, err
		}
		if !said {
			h.notice("%s: another process fetches it; waiting", f.Path)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// A partial is the start of a file, on the disk and in the hash.
type partial struct {
	file *os.File
	hash hash.Hash
}

// resume reads what is there of a file, and returns how many bytes that are.
func (b *partial) resume(ctx context.Context, f File) (int64, error) {
	b.begin(f)
	n, err := io.Copy(b.hash, infile.Checked(ctx, io.LimitReader(b.file, f.Size+1)))
	if err == nil && n > f.Size {
		return 0, b.restart(f)
	}
	return n, err
}

// restart throws away what is there.
func (b *partial) restart(f File) error {
	b.begin(f)
	if err := b.file.Truncate(0); err != nil {
		return err
	}
	_, err := b.file.Seek(0, io.SeekStart)
	return err
}

// begin starts the hash: sha256 of the content, or git's sha1 of a blob.
func (b *partial) begin(f File) {
	if len(f.oid) == hex.EncodedLen(sha256.Size) {
		b.hash = sha256.New()
		return
	}
	b.hash = sha1.New()
	fmt.Fprintf(b.hash, "blob %d\x00", f.Size)
}

// Write adds to the file; no byte is hashed that is not written.
func (b *partial) Write(data []byte) (int, error) {
	n, err := b.file.Write(data)
	b.hash.Write(data[:n])
	return n, err
}
