package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pgcli/paligemma/internal/newfile"
)

// ErrInUse reports a repository that another process fetches or reads.
var ErrInUse = errors.New("another process uses it")

// lockFile returns the file that locks a repository: shared by those who use it, alone by
// the one who removes it. It lies beside the locks of huggingface_hub.
func (h *Hub) lockFile(repo string) string {
	return filepath.Join(h.Cache, ".locks", filepath.Base(h.folder(repo)), "pgcli.lock")
}

// use keeps a repository from being removed until the file is closed. It waits while
// another process removes it. Where no file can be made or locked, as in a cache that may
// only be read, it returns nil.
func (h *Hub) use(ctx context.Context, repo string) (*os.File, error) {
	name := h.lockFile(repo)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, nil // whoever writes into the cache hears why that fails
	}
	for {
		f, err := newfile.Share(name)
		if err == nil || !errors.Is(err, newfile.ErrBusy) {
			return f, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Alone keeps other processes from using a repository until release is called. If one
// does, the error is an [ErrInUse].
func (h *Hub) Alone(repo string) (release func(), err error) {
	name := h.lockFile(repo)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	f, err := newfile.Lock(name)
	if errors.Is(err, newfile.ErrBusy) {
		err = fmt.Errorf("%s cannot be removed now: %w", repo, ErrInUse)
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// Remove removes everything of a repository from the cache. It is for the one who is
// [Hub.Alone] with it.
func (h *Hub) Remove(repo string) error {
	dir := h.folder(repo)
	if _, err := os.Lstat(dir); err != nil {
		return fmt.Errorf("%s is %w %s", repo, ErrOffline, h.Cache)
	}
	return os.RemoveAll(dir)
}

// Close lets others remove the repository.
func (s *Snapshot) Close() {
	if s.used != nil {
		_ = s.used.Close()
		s.used = nil
	}
}
