package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pgcli/paligemma/internal/infile"
)

// A Snapshot is a commit of a repository.
type Snapshot struct {
	Repo, Revision, Commit string

	Licence string // as the model's card names it; "" if it does not, or offline
	New     bool   // the cache had nothing of the repository
	Local   bool   // Files are those of the cache, because the Hub was not asked or did not answer
	Files   []File // sorted by path; from the cache alone those that are there

	hub  *Hub
	used *os.File // locked; nil if the repository can be removed meanwhile
}

// A File is a file of a snapshot.
type File struct {
	Path string // with slashes
	Size int64
	oid  string // sha256, or git's sha1 of small files; "" from the cache
}

// Snapshot finds the commit of a revision and its files. repo is user/name, or
// spaces/user/name for files beside a demo. If the Hub cannot be reached, or may not be
// (Offline), the snapshot is what the cache has. The repository is not removed until the
// caller closes the snapshot.
func (h *Hub) Snapshot(ctx context.Context, repo, revision string) (s *Snapshot, err error) {
	s = &Snapshot{Repo: repo, Revision: revision, hub: h}
	if s.used, err = h.use(ctx, repo); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if h.Offline {
		return s, s.fromCache()
	}
	_, err = os.Stat(filepath.Join(h.folder(repo), "snapshots"))
	s.New = errors.Is(err, fs.ErrNotExist)
	err = s.fromHub(ctx)
	if errors.Is(err, ErrNetwork) && s.fromCache() == nil {
		h.notice("%v; going on with what the cache has of %s", err, repo)
		return s, nil
	}
	return s, err
}

func (s *Snapshot) fromHub(ctx context.Context) error {
	var info struct {
		Commit string `json:"sha"`
		Card   struct {
			Licence json.RawMessage `json:"license"` // a string, or another value that the card's author wrote
		} `json:"cardData"`
	}
	api := s.hub.Endpoint + "/api/" + apiPath(s.Repo)
	if _, err := s.hub.getJSON(ctx, api+"/revision/"+strings.ReplaceAll(escape(s.Revision), "/", "%2F"), s.Repo, s.Revision, &info); err != nil {
		return err
	}
	if !commitForm.MatchString(info.Commit) || commitForm.MatchString(s.Revision) && info.Commit != s.Revision {
		return fmt.Errorf("%s: the Hub says that revision %q is commit %q, want 40 hexadecimal digits, and the same if the revision is a commit", s.Repo, s.Revision, info.Commit)
	}
	s.Commit = info.Commit
	_ = json.Unmarshal(info.Card.Licence, &s.Licence) // "" if it is no string
	if err := s.list(ctx, api+"/tree/"+s.Commit+"?recursive=true&expand=false"); err != nil {
		return err
	}
	s.sort()
	return nil
}

func (s *Snapshot) sort() {
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
}

// fromCache finds the commit of a revision, and the files of it that are there.
func (s *Snapshot) fromCache() error {
	dir := s.hub.folder(s.Repo)
	s.Commit, s.Files, s.New, s.Local = s.Revision, nil, false, true
	if !commitForm.MatchString(s.Revision) {
		ref := filepath.Join(dir, "refs", filepath.FromSlash(s.Revision))
		data, err := infile.Read(ref, 1<<10)
		if err != nil {
			return fmt.Errorf("%s at revision %q is %w %s, and --offline (or HF_HUB_OFFLINE) forbids to fetch it; leave that out, or see pgcli models", s.Repo, s.Revision, ErrOffline, s.hub.Cache)
		}
		if s.Commit = strings.TrimSpace(string(data)); !commitForm.MatchString(s.Commit) {
			return fmt.Errorf("%s holds %q, want a commit of 40 hexadecimal digits; remove the file, and it is fetched again", ref, s.Commit)
		}
	}
	root := s.dir()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil // a link to a blob that is gone
		}
		rel, err := filepath.Rel(root, path)
		s.Files = append(s.Files, File{Path: filepath.ToSlash(rel), Size: info.Size()})
		return err
	})
	if err != nil || len(s.Files) == 0 {
		return fmt.Errorf("%s at revision %q is %w %s: it has no files of commit %s; leave --offline (or HF_HUB_OFFLINE) out, or see pgcli models", s.Repo, s.Revision, ErrOffline, s.hub.Cache, s.Commit)
	}
	s.sort()
	return nil
}

// dir returns the snapshot's folder.
func (s *Snapshot) dir() string { return filepath.Join(s.hub.folder(s.Repo), "snapshots", s.Commit) }

// Dir returns the folder that the files of Get lie in.
func (s *Snapshot) Dir() string { return s.dir() }

// mostAtOnce is how many files are fetched at the same time.
const mostAtOnce = 4

// Get fetches files that the cache lacks, and returns where they are, in the order of
// paths. If one fails, the others end, and the next call goes on with them.
func (s *Snapshot) Get(ctx context.Context, paths ...string) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	slots := make(chan struct{}, mostAtOnce)
	local := make([]string, len(paths))
	for i, path := range paths {
		k := slices.IndexFunc(s.Files, func(f File) bool { return f.Path == path })
		if k < 0 {
			if s.Local {
				cancel(fmt.Errorf("%s of %s at revision %q is %w %s, and the Hub was not asked; leave --offline (or HF_HUB_OFFLINE) out, or see pgcli models", path, s.Repo, s.Revision, ErrOffline, s.hub.Cache))
				break
			}
			cancel(fmt.Errorf("%s has no file %q at revision %q: %w", s.Repo, path, s.Revision, ErrNotFound))
			break
		}
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var err error
			if local[i], err = s.get(ctx, s.Files[k]); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return local, s.hub.onDisk(s.writeRef(), int64(len(s.Commit)))
}

// get returns where a file is, and fetches it if need be.
func (s *Snapshot) get(ctx context.Context, f File) (string, error) {
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	link := filepath.Join(s.dir(), filepath.FromSlash(f.Path))
	if there(link, f.Size) {
		return link, nil
	}
	blob := filepath.Join(s.hub.folder(s.Repo), "blobs", f.oid)
	if !there(blob, f.Size) {
		if err := s.fetch(ctx, f, blob); err != nil {
			return "", s.hub.onDisk(err, f.Size)
		}
	}
	return link, s.hub.onDisk(s.point(f.Path, blob), f.Size)
}

// there reports whether a path leads to a file of a size.
func there(path string, size int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}
