package hub

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// SHA256 returns the hash of the file's content, if the Hub names one: it does for files
// that it keeps apart from git, such as weights.
func (f File) SHA256() (sum [32]byte, ok bool) {
	n, err := hex.Decode(sum[:], []byte(f.oid[:min(len(f.oid), 2*len(sum))]))
	return sum, err == nil && n == len(sum)
}

// Has reports whether the cache has a file.
func (s *Snapshot) Has(f File) bool {
	for _, path := range []string{filepath.Join(s.dir(), filepath.FromSlash(f.Path)), filepath.Join(s.hub.folder(s.Repo), "blobs", f.oid)} {
		if there(path, f.Size) {
			return true
		}
	}
	return false
}

// Of a stream, this much arrives before it is read.
const (
	aheadBlock  = 256 << 10 // bytes
	aheadBlocks = 128
)

// A stream is bytes of a file that arrive while they are read.
type stream struct {
	blocks chan []byte
	now    []byte // of blocks, not read yet
	err    error  // set before blocks is closed
	end    context.CancelCauseFunc
	ended  chan struct{}
}

// Open returns the n bytes of a file from offset on, which come from the Hub and are not
// kept in the cache. When a transfer breaks, the stream goes on with another. The caller
// compares the hash, and closes the stream. A read fails soon after ctx ends.
func (s *Snapshot) Open(ctx context.Context, path string, offset, n int64) (io.ReadCloser, error) {
	k := slices.IndexFunc(s.Files, func(f File) bool { return f.Path == path })
	switch {
	case k < 0:
		return nil, fmt.Errorf("%s has no file %q at revision %q: %w", s.Repo, path, s.Revision, ErrNotFound)
	case s.hub.Offline:
		return nil, fmt.Errorf("%s of %s is %w %s, and --offline (or HF_HUB_OFFLINE) forbids to fetch it", path, s.Repo, ErrOffline, s.hub.Cache)
	case offset < 0 || n < 0 || n > s.Files[k].Size-offset:
		return nil, fmt.Errorf("%s of %s has %d bytes, not %d from %d on", path, s.Repo, s.Files[k].Size, n, offset)
	}
	if n == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	t := &stream{blocks: make(chan []byte, aheadBlocks), end: cancel, ended: make(chan struct{})}
	p := s.part(s.Files[k])
	p.done, p.end, p.quiet = offset, offset+n, true
	p.out = writer(func(b []byte) error {
		select {
		case t.blocks <- slices.Clone(b):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	go func() {
		defer close(t.ended)
		defer close(t.blocks)
		t.err = s.hub.receiveAll(ctx, p)
	}()
	return t, nil
}

// A writer is a function that takes all of what is written, or fails.
type writer func(b []byte) error

func (w writer) Write(b []byte) (int, error) {
	if err := w(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (t *stream) Read(p []byte) (int, error) {
	for len(t.now) == 0 {
		block, ok := <-t.blocks
		if !ok {
			if t.err != nil {
				return 0, t.err
			}
			return 0, io.EOF
		}
		t.now = block
	}
	n := copy(p, t.now)
	t.now = t.now[n:]
	return n, nil
}

var errClosed = errors.New("the stream is closed")

func (t *stream) Close() error {
	t.end(errClosed)
	<-t.ended
	return nil
}
