package hub

import (
	"crypto/rand"
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
	// Other processes may be here, too: a link that is right must never be gone.
	err = os.Symlink(target, link)
	if leadsTo(link, blob) {
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		err = s.replaceLink(target, link)
	}
	if runtime.GOOS != "windows" || leadsTo(link, blob) { // Wine 10 says that it made a link, and did not
		return err
	}
	_ = os.Remove(link)
	if err = os.Link(blob, link); err != nil {
		err = os.Rename(blob, link)
	}
	return err
}

// leadsTo reports whether a link leads to a blob, or is that file itself.
func leadsTo(link, blob string) bool {
	now, err := os.Stat(link)
	if err != nil {
		return false
	}
	want, err := os.Stat(blob)
	return err == nil && os.SameFile(now, want)
}

// replaceLink gives a link that leads elsewhere a new target.
func (s *Snapshot) replaceLink(target, link string) error {
	temp := filepath.Join(s.hub.folder(s.Repo), "link-"+rand.Text())
	if err := os.Symlink(target, temp); err != nil {
		return err
	}
	defer os.Remove(temp) // gone if it got its name
	return os.Rename(temp, link)
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
		if err := newfile.Remove(ref); err != nil && !errors.Is(err, fs.ErrNotExist) { // another process was first
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
