package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/newfile"
)

// folderFor makes the folder of a path in a repository's own. It does not follow a link that
// leads out of that, in which files of others would be replaced.
func (s *Snapshot) folderFor(path string) error {
	dir := s.hub.folder(s.Repo)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	inside, err := filepath.Rel(dir, filepath.Dir(path))
	if err != nil {
		return err
	}
	return root.MkdirAll(inside, 0o777)
}

// point makes the link of a file lead to its blob. Where links are not allowed, as on Windows
// without its developer mode, the blob is the file.
func (s *Snapshot) point(file, blob string) error {
	link := filepath.Join(s.dir(), filepath.FromSlash(file))
	if err := s.folderFor(link); err != nil {
		return err
	}
	target, err := filepath.Rel(filepath.Dir(link), blob)
	if err != nil {
		return err
	}
	if now, err := os.Stat(link); err == nil {
		if want, err := os.Stat(blob); err == nil && os.SameFile(now, want) {
			return nil // another process was first
		}
	}
	_ = os.Remove(link)
	err = os.Symlink(target, link)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		_, err = os.Lstat(link) // Wine 10 says that it made a link, and did not
	}
	if err != nil && runtime.GOOS == "windows" {
		if err = os.Link(blob, link); err != nil {
			err = os.Rename(blob, link)
		}
	}
	return err
}

// writeRef notes the commit of a branch or tag, for programs that are offline.
func (s *Snapshot) writeRef() error {
	ref := filepath.Join(s.hub.folder(s.Repo), "refs", filepath.FromSlash(s.Revision))
	if s.Revision == s.Commit || s.hub.Offline {
		return nil
	}
	if now, err := infile.Read(ref, 1<<10); err == nil && string(now) == s.Commit {
		return nil
	}
	if err := s.folderFor(ref); err != nil {
		return err
	}
	// Create would replace the file that a link leads to, outside of the cache perhaps.
	if info, err := os.Lstat(ref); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if err := newfile.Remove(ref); err != nil {
			return err
		}
	}
	f, err := newfile.Create(ref, true)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(s.Commit); err != nil {
		return err
	}
	return f.Commit()
}
