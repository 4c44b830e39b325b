package main

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/hub"
)

// addHub gives every command with -m the flags of the Hub.
func addHub(commands []*cli.Command) {
	for _, c := range commands {
		for _, f := range c.Flags {
			if f.Names()[0] == "model" {
				c.Flags = append(c.Flags, grouped(groupModel, flags.HubFlags())...)
				break
			}
		}
	}
}

// newHub returns the Hub of environment and flags, and a function that ends its
// progress. It opens no connection.
func newHub(c *cli.Context) (*hub.Hub, func(), error) {
	h, err := flags.NewHub(c)
	if err != nil {
		return nil, nil, err
	}
	report, done := fetching(c.App.ErrWriter)
	h.Progress = report
	return h, done, nil
}

// hubModel is the key of the path that modelPath has found for -hf.
const hubModel = "model of -hf"

// modelPath returns the file of the model: of -m, or what -hf names, which it fetches.
// "" stands for the embedded model.
func modelPath(c *cli.Context) (string, error) {
	path := c.Path("model")
	if path != "" && path == c.App.Metadata[hubModel] { // found before
		return path, nil
	}
	n, given, err := flags.HubName(c)
	if err != nil || !given {
		return path, err
	}
	h, done, err := newHub(c)
	if err != nil {
		return "", err
	}
	defer done()
	s, err := flags.Snapshot(c, h, n)
	if err != nil {
		return "", err
	}
	path, err = flags.FetchGGUF(c, s, n)
	if err == nil && path == "" {
		path, err = convertedModel(c, h, s, n, done)
	}
	if err == nil {
		c.App.Metadata[hubModel] = path
	}
	return path, err
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
