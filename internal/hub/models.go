package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgcli/paligemma/internal/newfile"
)

// A Cached is a repository of the cache.
type Cached struct {
	Repo    string
	Bytes   int64  // on the disk, partial files too
	Partial int64  // of them, of files that are not complete
	Dir     string // its folder
}

// Cached lists the repositories of models and demos in the cache, those of other programs too.
func (h *Hub) Cached() ([]Cached, error) {
	entries, err := os.ReadDir(h.Cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Cached
	for _, e := range entries {
		kind, name, ok := strings.Cut(e.Name(), "--")
		name = strings.Replace(name, "--", "/", 1)
		switch {
		case !ok || !e.IsDir() || kind != "models" && kind != "spaces":
			continue
		case kind == "spaces":
			name = spacePrefix + name
		}
		c := Cached{Repo: name, Dir: filepath.Join(h.Cache, e.Name())}
		err := c.measure()
		for try := 1; newfile.InTheWay(err) && try < measureTries; try++ { // Windows, while another process removes files
			time.Sleep(50 * time.Millisecond)
			err = c.measure()
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// measureTries is how often a repository is measured, at most.
const measureTries = 10

// measure fills in the bytes of a repository.
func (c *Cached) measure() error {
	c.Bytes, c.Partial = 0, 0
	return filepath.WalkDir(c.Dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process has renamed or removed it since
		}
		if err != nil || !d.Type().IsRegular() { // links cost nothing
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		c.Bytes += info.Size()
		if strings.HasSuffix(path, partialEnding) || strings.HasSuffix(path, ".incomplete") {
			c.Partial += info.Size()
		}
		return nil
	})
}
