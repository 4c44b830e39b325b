package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/legible"
	"github.com/pgcli/paligemma/internal/newfile"
)

func modelsCommand() *cli.Command {
	return &cli.Command{
		Name:  "models",
		Usage: "list and remove the models that -hf fetched",
		Description: `Lists the models in the cache of the Hugging Face Hub, which other programs
share, and those that pgcli converted from there, with their sizes. A model that
another pgcli fetches, converts or has open is not removed.

Examples:
  pgcli models
  pgcli models --remove google/paligemma2-3b-mix-448`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "remove", Usage: "remove everything of `USER/REPO`, also for other programs, or one file of the list"},
			&cli.BoolFlag{Name: "json", Usage: "print the list as JSON"},
		},
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			h, done, err := newHub(c)
			if err != nil {
				return err
			}
			defer done()
			list, err := listModels(h)
			if err != nil {
				return err
			}
			if name := c.String("remove"); c.IsSet("remove") { // "" is of a script whose variable is empty
				return removeModels(c, h, list, name)
			}
			if c.Bool("json") {
				return writeJSON(c.App.Writer, list)
			}
			if len(list) == 0 {
				fmt.Fprintf(c.App.ErrWriter, "pgcli: no models in %s; -hf fetches one: pgcli run -hf google/paligemma2-3b-mix-448 photo.jpg \"caption en\"\n", h.Cache)
			}
			for _, m := range list {
				note := ""
				if m.Partial > 0 {
					note = ", " + size(m.Partial) + " of it not complete"
				}
				if _, err := fmt.Fprintf(c.App.Writer, "%-10s  %s%s\n", size(m.Bytes), legible.Text(m.Name), note); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// A cachedModel is a line of pgcli models.
type cachedModel struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	Partial int64  `json:"partial_bytes"`
	Path    string `json:"path"`

	repo bool // a repository of the Hub's cache, else a file
}

// listModels returns the repositories of the Hub's cache, and the converted files.
func listModels(h *hub.Hub) ([]cachedModel, error) {
	list := []cachedModel{}
	repos, err := h.Cached()
	if err != nil {
		return nil, err
	}
	for _, r := range repos {
		list = append(list, cachedModel{Name: r.Repo, Bytes: r.Bytes, Partial: r.Partial, Path: r.Dir, repo: true})
	}
	dir, err := convertedDir()
	if err != nil { // nor was anything converted
		return list, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		m := cachedModel{Name: e.Name(), Bytes: info.Size(), Path: filepath.Join(dir, e.Name())}
		if strings.HasSuffix(e.Name(), ".partial") {
			m.Partial = m.Bytes
		}
		list = append(list, m)
	}
	return list, nil
}

// removeModels removes a repository, with what was converted from it, or one file.
func removeModels(c *cli.Context, h *hub.Hub, list []cachedModel, name string) error {
	list = slices.DeleteFunc(list, func(m cachedModel) bool {
		return m.Name != name && !strings.HasPrefix(m.Name, strings.ReplaceAll(name, "/", "--")+"@")
	})
	if len(list) == 0 {
		return usagef("--remove: %q is no model of the list; see pgcli models", name)
	}
	repo, _, converted := strings.Cut(name, "@") // of which a file may have been made
	if converted {
		repo = strings.Replace(repo, "--", "/", 1)
	}
	if list[0].repo || strings.Contains(repo, "/") {
		release, err := h.Alone(repo)
		if err != nil {
			return err
		}
		defer release()
	}
	for _, m := range list {
		if m.Partial == m.Bytes && !m.repo {
			if err := newfile.Idle(m.Path); err != nil {
				return fmt.Errorf("%s cannot be removed now: %w", m.Name, err)
			}
		}
	}
	for _, m := range list {
		var err error
		if m.repo {
			err = h.Remove(m.Name)
		} else {
			err = os.Remove(m.Path)
		}
		if err != nil {
			return err
		}
		tell(c.App.ErrWriter, "removed %s, %s", m.Name, size(m.Bytes))
	}
	return nil
}
