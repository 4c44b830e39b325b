package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/infile"
)

// The files of an adapter of PEFT.
const (
	adapterName    = "adapter_config.json"
	adapterWeights = "adapter_model.safetensors"
)

// A hubSource is a checkpoint on the Hub, as a conversion reads it: the small files from
// the cache, the weights as they arrive.
type hubSource struct {
	dir      string            // of the files in the cache
	remote   []convert.Remote  // weights that are not there
	adapters []convert.Adapter // that the repository holds instead of a model
	id       string            // repository and commit, for the name of a file
	bytes    int64             // of remote

	hub      *hub.Hub
	snapshot *hub.Snapshot // with the weights
}

// findSource returns the checkpoint of a repository, of which it has fetched nothing yet. The
// adapter of a repository, which it fetches, changes the model that its config names.
func findSource(c *cli.Context, h *hub.Hub, s *hub.Snapshot) (*hubSource, error) {
	src := &hubSource{id: commitID(s), hub: h, snapshot: s}
	if !holds(s, adapterWeights) || slices.ContainsFunc(s.Files, isWeights) {
		return src, nil
	}
	if _, err := s.Get(c.Context, adapterName, adapterWeights); err != nil {
		return nil, err
	}
	n, err := adapterBase(filepath.Join(s.Dir(), adapterName))
	if err != nil {
		return nil, fmt.Errorf("%s is an adapter: %w", s.Repo, err)
	}
	h.Notice(fmt.Sprintf("%s is an adapter, fetched whole; it is merged into %s", s.Repo, n.Repo))
	if src.snapshot, err = flags.Snapshot(c, h, n); err != nil {
		return nil, err
	}
	src.id += "+" + commitID(src.snapshot)
	src.adapters = []convert.Adapter{{Dir: s.Dir(), Scale: 1}}
	return src, nil
}

// commitID names a commit of a repository in the name of a file.
func commitID(s *hub.Snapshot) string {
	return strings.ReplaceAll(s.Repo, "/", "--") + "@" + s.Commit
}

// adapterBase reads which model an adapter changes.
func adapterBase(path string) (hub.Name, error) {
	data, err := infile.Read(path, 1<<20)
	if err != nil {
		return hub.Name{}, err
	}
	var config struct {
		Base     string `json:"base_model_name_or_path"`
		Revision string `json:"revision"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return hub.Name{}, fmt.Errorf("%s: %w", path, err)
	}
	n, err := hub.ParseName(config.Base)
	if err != nil {
		return n, fmt.Errorf("%s: base_model_name_or_path: %w; convert the model that it was trained on with --lora %s", path, err, filepath.Dir(path))
	}
	if config.Revision != "" {
		n.Revision = config.Revision
	}
	return n, nil
}

func holds(s *hub.Snapshot, name string) bool {
	return slices.ContainsFunc(s.Files, func(f hub.File) bool { return f.Path == name })
}

// isWeights reports whether a file is one of those among which transformers chooses.
func isWeights(f hub.File) bool {
	return path.Ext(f.Path) == ".safetensors" && path.Dir(f.Path) == "." && !strings.HasPrefix(f.Path, "adapter_")
}

// mostSmall is the most that a conversion reads of a file that is not of weights, in bytes.
const mostSmall = 64 << 20

// isSmall reports whether a file is one of those that describe the model and its tokens.
func (src *hubSource) isSmall(f hub.File) bool {
	if path.Ext(f.Path) != ".json" && f.Path != "tokenizer.model" {
		return false
	}
	if f.Size > mostSmall {
		src.hub.Notice(fmt.Sprintf("%s has %s, more than a model's JSON files and tokens have, and is not fetched", f.Path, size(f.Size)))
	}
	return f.Size <= mostSmall
}

// open fetches what does not arrive later: all of it if keep is set.
func (src *hubSource) open(ctx context.Context, keep bool) error {
	s := src.snapshot
	src.dir = s.Dir()
	switch found := slices.ContainsFunc(s.Files, isWeights); {
	case !found && s.Local:
		return fmt.Errorf("%s is %w %s: its weights are not there; leave --offline and HF_HUB_OFFLINE out, and look whether %s can be reached", s.Repo, hub.ErrOffline, src.hub.Cache, src.hub.Endpoint)
	case !found:
		return fmt.Errorf("%s has neither GGUF files nor safetensors: want a model of the transformers library, such as google/paligemma2-3b-mix-448", s.Repo)
	case keep:
		return src.fetchWhole(ctx)
	}
	var now []string
	for _, f := range s.Files {
		sum, known := f.SHA256()
		switch {
		case path.Dir(f.Path) != "." || strings.HasPrefix(f.Path, "adapter_"):
		case src.isSmall(f) || isWeights(f) && (!known || s.Has(f)):
			now = append(now, f.Path)
		case isWeights(f) || f.Path == "pytorch_model.bin": // which transformers may choose; then it is refused
			src.bytes += f.Size
			src.remote = append(src.remote, convert.Remote{Name: f.Path, Size: f.Size, SHA256: sum, Open: func(ctx context.Context, offset, n int64) (io.ReadCloser, error) {
				return s.Open(ctx, f.Path, offset, n)
			}})
		}
	}
	_, err := s.Get(ctx, now...)
	return err
}

// fetchWhole fetches all files that a conversion reads.
func (src *hubSource) fetchWhole(ctx context.Context) error {
	s := src.snapshot
	src.remote = nil
	single, sharded := holds(s, "model.safetensors"), holds(s, "model.safetensors.index.json")
	var names []string
	for _, f := range s.Files {
		switch {
		case path.Dir(f.Path) != "." || strings.HasPrefix(f.Path, "adapter_"):
		case isWeights(f) && (single && f.Path != "model.safetensors" || !single && sharded && !shardName.MatchString(f.Path)): // transformers reads others
		case isWeights(f) || src.isSmall(f):
			names = append(names, f.Path)
		}
	}
	_, err := s.Get(ctx, names...)
	return err
}

// with calls f with the options for the source. If the weights must all be there first, it
// fetches them, and calls f again.
func (src *hubSource) with(c *cli.Context, o convert.Options, f func(convert.Options) error) error {
	o.Remote = src.remote
	o.Adapters = slices.Concat(src.adapters, o.Adapters)
	if len(src.remote) > 0 {
		src.hub.Notice(fmt.Sprintf("%s is converted as it arrives, up to %s; the checkpoint itself is not kept", src.snapshot.Repo, size(src.bytes)))
	}
	err := f(o)
	if errors.Is(err, convert.ErrWhole) {
		src.hub.Notice(fmt.Sprintf("%v; it is fetched first", err))
		report, done := fetching(c.App.ErrWriter)
		src.hub.Progress = report
		err = src.fetchWhole(c.Context)
		done()
		if err != nil {
			return err
		}
		o.Remote = nil
		err = f(o)
	}
	var unfinished *convert.UnfinishedError
	if errors.As(err, &unfinished) && c.Context.Err() != nil { // whose message is that of an interruption
		src.hub.Notice("what is converted so far stays in " + unfinished.Path + ", and the same command goes on with it")
	}
	return err
}
