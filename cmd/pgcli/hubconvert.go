package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/legible"
)

// shardName matches the shards of an index that transformers writes.
var shardName = regexp.MustCompile(`^model-\d+-of-\d+\.safetensors$`)

// hubScheme starts the name of a checkpoint on the Hub.
const hubScheme = "hf://"

// convertedDir returns the folder of models that -hf converted.
func convertedDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("converted models have no place: %w; convert to a file of your choice with pgcli convert hf://USER/REPO -o FILE.gguf", err)
	}
	return filepath.Join(dir, "pgcli", "converted"), nil
}

// convertedModel returns the file of a checkpoint that is converted to the type of a
// name, which it makes if it is not there. fetched ends the progress of fetching.
func convertedModel(c *cli.Context, h *hub.Hub, s *hub.Snapshot, n hub.Name, fetched func()) (string, error) {
	dir, err := convertedDir()
	if err != nil {
		return "", err
	}
	typ := strings.ToLower(cmp.Or(n.Type, "q4_k_m"))
	if !slices.Contains(convert.Types(), typ) {
		return "", usagef("-hf %s: %s is converted, and %q is none of the types %s", n.Repo, n.Repo, n.Type, strings.Join(convert.Types(), ", "))
	}
	src, err := findSource(c, h, s)
	if err != nil {
		return "", err
	}
	dst := filepath.Join(dir, convertedName(src.id, typ))
	if flags.Exists(dst) {
		return dst, c.Set("model", dst)
	}
	err = src.open(c.Context, false)
	fetched()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("the folder of converted models cannot be made: %w; convert to a file of your choice: %s", err, convertLine(hubScheme+n.Repo))
	}
	o := convert.Options{Type: typ, Name: path.Base(n.Repo), Engine: engineOptions(c).Library}
	if o.MaskDecoder, err = maskDecoder(c, h); err != nil {
		if cause := context.Cause(c.Context); cause != nil {
			return "", cause
		}
		h.Notice(fmt.Sprintf("the model gets no mask decoder, so pgcli segment has no outlines from it: %v; with a file of the decoder: %s --mask-decoder %s", err, convertLine(hubScheme+n.Repo), maskFile))
	}
	err = src.with(c, o, func(o convert.Options) error {
		report, done := progress(c.App.ErrWriter)
		defer done()
		o.Progress = report
		return noRoom(c.Context, runAlone(c.Context, h, src.dir, dst, o), src.dir, dst, o)
	})
	if err != nil && !errors.Is(err, convert.ErrExists) { // another process may have been first
		return "", fmt.Errorf("-hf %s: %w", n.Repo, err)
	}
	h.Notice("converted " + n.Repo + " to " + dst)
	return dst, c.Set("model", dst)
}

// mostName is the longest name of a converted file in bytes: file systems take 255, of which
// a conversion needs some until the file is complete.
const mostName = 230

// convertedName names the file of a checkpoint with an id that is converted to a type. An id
// that is too long, as an adapter's may be, ends with a hash; pgcli models --remove knows the
// file by the repository at its start.
func convertedName(id, typ string) string {
	end := "-" + typ + ".gguf"
	if len(id)+len(end) > mostName {
		sum := sha256.Sum256([]byte(id))
		end = fmt.Sprintf("-%x", sum[:8]) + end
		id = id[:mostName-len(end)]
	}
	return id + end
}

// maskSpace is the demo of PaliGemma that has big_vision's mask decoder beside it.
const (
	maskSpace = "spaces/google/paligemma-hf"
	maskFile  = "vae-oid.npz"
)

// maskDecoder returns the file of the mask decoder, which it fetches once.
func maskDecoder(c *cli.Context, h *hub.Hub) (string, error) {
	s, err := h.Snapshot(c.Context, maskSpace, "main")
	if err != nil {
		return "", err
	}
	flags.Keep(c.App, s)
	paths, err := s.Get(c.Context, maskFile)
	if err != nil {
		return "", err
	}
	return paths[0], nil
}

// runAlone converts once no other process converts to the same file.
func runAlone(ctx context.Context, h *hub.Hub, src, dst string, o convert.Options) error {
	for said := false; ; said = true {
		_, err := convert.Run(ctx, src, dst, o)
		if !errors.Is(err, convert.ErrBusy) {
			return err
		}
		if !said {
			h.Notice("another process converts it; waiting")
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hubCheckpoint opens the checkpoint that hf://USER/REPO[@REVISION] names, and returns a
// name for the model.
func hubCheckpoint(c *cli.Context, source string) (src *hubSource, name string, err error) {
	n, err := hub.ParseName(source)
	if err == nil && n.Type != "" {
		err = fmt.Errorf("%s: the type comes with --type %s", source, n.Type)
	}
	if err != nil {
		return nil, "", flags.UsageError{Err: err}
	}
	h, done, err := newHub(c)
	if err != nil {
		return nil, "", err
	}
	defer done()
	s, err := flags.Snapshot(c, h, n)
	if err != nil {
		return nil, "", err
	}
	if src, err = findSource(c, h, s); err != nil {
		return nil, "", err
	}
	return src, path.Base(n.Repo), src.open(c.Context, c.Bool("keep-checkpoint"))
}

// fetching shows how far files are: a bar each on a terminal, elsewhere a line for every
// tenth.
func fetching(w io.Writer) (report func(file string, done, total int64), end func()) {
	state := &fetchState{last: map[string]int64{}}
	if !movesCursor(w) {
		return func(file string, done, total int64) {
			state.mu.Lock()
			defer state.mu.Unlock()
			if tenth := 10 * done / max(total, 1); tenth > state.last[file] && total >= 1<<20 {
				state.last[file] = tenth
				tell(w, "fetching %s: %3d %% of %s", file, 100*done/total, size(total))
			}
		}, func() {}
	}
	all := mpb.New(mpb.WithOutput(w), mpb.WithWidth(64))
	bars := map[string]*mpb.Bar{}
	report = func(file string, done, total int64) {
		state.mu.Lock()
		defer state.mu.Unlock()
		if bars[file] == nil {
			bars[file] = all.AddBar(total, mpb.PrependDecorators(decor.Name(legible.Text(file)+" "), decor.CountersKibiByte("% .1f / % .1f")),
				mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .0f"), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)))
			bars[file].SetRefill(done)
		}
		bars[file].SetCurrent(done)
	}
	return report, func() {
		state.mu.Lock()
		defer state.mu.Unlock()
		for _, b := range bars {
			b.Abort(false) // nothing, for those that are complete
		}
		all.Wait()
	}
}
