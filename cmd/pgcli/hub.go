package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/legible"
)

// hubFlags name a model on the Hugging Face Hub. They have the names of llama.cpp's flags.
func hubFlags() []cli.Flag {
	return grouped(groupModel, append([]cli.Flag{
		&cli.StringFlag{Name: "hf-repo", Aliases: []string{"hf", "hfr"}, Usage: "model on the Hugging Face Hub instead of -m: `USER/REPO[:TYPE][@REVISION]`; it is fetched once, and converted to TYPE (default: q4_k_m) as it arrives unless it has GGUF files"},
		&cli.StringFlag{Name: "hf-file", Aliases: []string{"hff"}, Usage: "GGUF `file` of the repository of -hf (default: the one of TYPE)"},
	}, hubAccessFlags()...))
}

// hubAccessFlags say how the Hub is asked.
func hubAccessFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "hf-token", Aliases: []string{"hft"}, Usage: "`token` of the Hugging Face Hub (default: HF_TOKEN, or the file of \"hf auth login\")"},
		&cli.BoolFlag{Name: "offline", Usage: "ask nothing of the Hugging Face Hub: use what its cache has"},
	}
}

// addHub gives every command with -m the flags of the Hub.
func addHub(commands []*cli.Command) {
	for _, c := range commands {
		for _, f := range c.Flags {
			if f.Names()[0] == "model" {
				c.Flags = append(c.Flags, hubFlags()...)
				break
			}
		}
	}
}

// newHub returns the Hub of environment and flags, and a function that ends its
// progress. It opens no connection.
func newHub(c *cli.Context) (*hub.Hub, func(), error) {
	home, noHome := os.UserHomeDir()
	h := hub.FromEnvironment(os.Getenv, home, func(path string) string {
		token, err := infile.Read(path, 1<<10)
		if err != nil {
			return ""
		}
		return string(token)
	})
	if h.Cache == "" {
		return nil, nil, fmt.Errorf("the cache of the Hugging Face Hub has no place: %w; set HF_HOME to a folder", noHome)
	}
	h.Token = cmp.Or(c.String("hf-token"), h.Token)
	h.Offline = h.Offline || c.Bool("offline")
	h.Notice = func(text string) { fmt.Fprintf(c.App.ErrWriter, "pgcli: %s\n", legible.Text(text)) }
	report, done := fetching(c.App.ErrWriter)
	h.Progress = report
	return h, done, nil
}

// hubModel is the key of the path that modelPath has found for -hf.
const hubModel = "model of -hf"

// modelPath returns the file of the model: of -m, or what -hf names, which it fetches.
// "" stands for the embedded model.
func modelPath(c *cli.Context) (string, error) {
	path, name := c.Path("model"), c.String("hf-repo")
	switch {
	case name == "" && c.IsSet("hf-file"):
		return "", usagef("-hff names a file of the repository of -hf: give that too")
	case name == "":
		return path, nil
	case path != "" && path == c.App.Metadata[hubModel]: // found before
		return path, nil
	case path != "" && path != os.Getenv(modelVariable):
		return "", usagef("-m and -hf both name the model, want one of them")
	}
	n, err := hub.ParseName(name)
	if err != nil {
		return "", flags.UsageError{Err: fmt.Errorf("-hf: %w", err)}
	}
	h, done, err := newHub(c)
	if err != nil {
		return "", err
	}
	defer done()
	s, err := snapshot(c.Context, h, n)
	if err != nil {
		return "", err
	}
	text, projector, err := chooseGGUF(s.Files, n, c.String("hf-file"))
	if err != nil {
		return "", err
	}
	if text == nil {
		if path, err = convertedModel(c, h, s, n, done); err == nil {
			c.App.Metadata[hubModel] = path
		}
		return path, err
	}
	paths, err := s.Get(c.Context, text...)
	if err != nil {
		return "", err
	}
	if projector != "" && c.Path("mmproj") == "" {
		found, err := s.Get(c.Context, projector)
		if err != nil {
			return "", err
		}
		if err := c.Set("mmproj", found[0]); err != nil {
			return "", err
		}
	}
	path = paths[0] // of several parts, the first stands for all
	c.App.Metadata[hubModel] = path
	return path, c.Set("model", path)
}

// snapshot finds a model, and names its licence when it is new to this machine.
func snapshot(ctx context.Context, h *hub.Hub, n hub.Name) (*hub.Snapshot, error) {
	s, err := h.Snapshot(ctx, n.Repo, n.Revision)
	if err == nil && s.New && s.Licence != "" {
		h.Notice(fmt.Sprintf("%s has the licence %q, whose terms are at %s/%s", n.Repo, s.Licence, h.Endpoint, n.Repo))
	}
	return s, err
}

// modelName returns the name of the model for people: of its repository or file.
func modelName(c *cli.Context) string {
	if n, err := hub.ParseName(c.String("hf-repo")); err == nil {
		return n.Repo[strings.Index(n.Repo, "/")+1:]
	}
	base := filepath.Base(c.Path("model"))
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// A fetchState is how far the fetching of files is.
type fetchState struct {
	mu   sync.Mutex
	last map[string]int64 // tenths, by file
}
