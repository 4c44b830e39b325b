package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/internal/legible"
)

// An entry is a file or folder, as the Hub lists it.
type entry struct {
	Type, Path, OID string
	Size            int64
	LFS             *struct {
		OID  string
		Size int64
	}
}

// entries are the files of a page of the list: at most one more than may be. They are read
// one by one, so that a page of many empty ones takes no more memory than its text.
type entries []entry

func (list *entries) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return fmt.Errorf("%.20q, want a list of files", text)
	}
	for d.More() && len(*list) <= mostFiles {
		var e entry
		if err := d.Decode(&e); err != nil {
			return err
		}
		if e.Type == "file" {
			*list = append(*list, e)
		}
	}
	return nil
}

// list adds the files of the commit, whose list begins at an address of the API.
func (s *Snapshot) list(ctx context.Context, link string) error {
	for page := 0; link != ""; page++ {
		if page == mostPages {
			return fmt.Errorf("%s: the list of files has more than %d pages", s.Repo, mostPages)
		}
		var list entries
		next, err := s.hub.getJSON(ctx, link, s.Repo, s.Commit, &list)
		if err != nil {
			return err
		}
		for _, e := range list {
			f := File{Path: e.Path, Size: e.Size, oid: e.OID}
			if e.LFS != nil {
				f.Size, f.oid = e.LFS.Size, strings.TrimPrefix(e.LFS.OID, "sha256:")
			}
			if !safe(f.Path) || !oidForm.MatchString(f.oid) || f.Size < 0 || f.Size > mostBytes {
				return fmt.Errorf("%s: the Hub lists a file %q of %d bytes and hash %q, which is refused: want a path inside the repository, without signs that control a terminal, at most %d bytes and a hash", s.Repo, f.Path, f.Size, f.oid, int64(mostBytes))
			}
			s.Files = append(s.Files, f)
		}
		if len(s.Files) > mostFiles {
			return fmt.Errorf("%s has more than %d files, the most that are listed", s.Repo, mostFiles)
		}
		link = next
	}
	return nil
}

// mostBytes is the most that a file may have: more than all disks, and less than sums of
// sizes can hold.
const mostBytes = 1 << 50

// safe reports whether a path stays inside its folder on every system, and can be shown.
// Windows takes dots and spaces at the end of a name away.
func safe(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
			return false
		}
	}
	return filepath.IsLocal(filepath.FromSlash(path)) && !strings.ContainsAny(path, `\:`) && !strings.ContainsFunc(path, legible.Obeyed) &&
		path == filepath.ToSlash(filepath.Clean(path))
}
