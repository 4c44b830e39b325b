package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/archive"
	"github.com/pgcli/paligemma/batch/video"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/models"
)

// batchInputs is the part of the help about inputs that are no picture files.
const batchInputs = `  a.tar, a.tar.gz    the pictures in an archive, such as webdataset's: a.tar#member
  film.mp4           frames of a video: film.mp4#t=2.000; needs ffmpeg`

// batchInputFlags are the flags about inputs.
func batchInputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "every", Value: time.Second, Usage: "`time` between frames of a video, such as 2s"},
		&cli.Float64Flag{Name: "fps", Usage: "frames of a second of video, a `number`, in place of --every"},
	}
}

// inputs are the sources that the arguments name.
type inputs struct {
	c       *cli.Context
	every   time.Duration // between frames
	sources []batch.Source
	stdin   bool // read already
}

// readInputs finds the sources that the arguments name.
func readInputs(c *cli.Context) ([]batch.Source, error) {
	in := &inputs{c: c, every: c.Duration("every")}
	if c.IsSet("fps") {
		if c.IsSet("every") {
			return nil, usagef("--every and --fps say the same; give one")
		}
		f := c.Float64("fps")
		if !(f > 0 && f <= 1000) {
			return nil, usagef("--fps is %v, want more than 0, at most 1000", f)
		}
		in.every = time.Duration(float64(time.Second) / f)
	}
	if err := checkEvery(in.every); err != nil {
		return nil, err
	}
	if !c.Args().Present() {
		return nil, usagef("no INPUT: name a folder, pictures, or one of those in pgcli help batch")
	}
	for _, name := range c.Args().Slice() {
		if err := in.argument(name); err != nil {
			return nil, err
		}
	}
	return in.sources, nil
}

// argument adds an argument, which may also be a list of inputs, or a pattern.
func (in *inputs) argument(name string) error {
	list, isList := strings.CutPrefix(name, "@")
	switch {
	case name == "-":
		return in.standardInput()
	case isList:
		f, err := infile.OpenStream(in.c.Context, list)
		if err != nil {
			return fmt.Errorf("list of inputs: %w", err)
		}
		defer f.Close()
		return in.list(list, f)
	case strings.ContainsAny(name, "*?[") && !exists(name):
		found, err := filepath.Glob(name)
		if err != nil {
			return usagef("pattern %q: %v", name, err)
		}
		if len(found) == 0 {
			return fmt.Errorf("no file matches %q", name)
		}
		for _, path := range found {
			if err := in.input(path, false); err != nil {
				return err
			}
		}
		return nil
	}
	return in.input(name, false)
}

// standardInput adds the inputs on the lines of standard input.
func (in *inputs) standardInput() error {
	if in.stdin || in.c.Path("file") == "-" {
		return usagef("standard input (-) is named twice")
	}
	in.stdin = true
	return in.list("standard input", infile.Reader(in.c.Context, in.c.App.Reader))
}

// list adds the inputs on the lines of a text.
func (in *inputs) list(name string, r io.Reader) error {
	names, err := batch.List(r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(names) == 0 {
		return fmt.Errorf("%s has no line with an input", name)
	}
	for _, n := range names {
		if err := in.input(n, true); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// input adds a folder, archive, video or picture. A picture that is missing is a failure
// of its own if a list names it, since lists are long; else it is an error.
func (in *inputs) input(name string, listed bool) error {
	var err error
	info, missing := os.Stat(name)
	switch {
	case missing == nil && info.IsDir():
		err = in.folder(name)
	case missing != nil && !listed:
		err = fmt.Errorf("input %s: %w", name, cause(missing))
	case strings.EqualFold(filepath.Ext(name), ".gguf"):
		err = usagef("%s is a model: give it with -m %s", name, name)
	case filepath.Base(name) == "metadata.jsonl":
		var files batch.Files
		if files, err = batch.Metadata(name); err == nil {
			in.files(files...)
		}
	case archive.IsTar(name):
		in.sources = append(in.sources, archive.Tar(name))
	case video.IsVideo(name):
		in.sources = append(in.sources, video.Video{Path: name, Every: in.every})
		err = video.Check()
	default:
		in.files(name)
	}
	return err
}

// folder adds the pictures of a folder.
func (in *inputs) folder(dir string) error {
	files, others, err := batch.Folder(dir)
	switch {
	case err != nil:
		return fmt.Errorf("folder %w", err)
	case len(files) == 0:
		return fmt.Errorf("folder %s has no pictures, among %d files", dir, others)
	case others > 0:
		fmt.Fprintf(in.c.App.ErrWriter, "pgcli: %s: %d files are left out, as their names are not those of pictures\n", oneLine(dir), others)
	}
	in.files(files...)
	return nil
}

// files adds picture files, to those before them if these are files too.
func (in *inputs) files(names ...string) {
	if n := len(in.sources); n > 0 {
		if had, ok := in.sources[n-1].(batch.Files); ok {
			in.sources[n-1] = append(had, names...)
			return
		}
	}
	in.sources = append(in.sources, batch.Files(names))
}

// everyFlag is --every of commands that read the pictures of a batch again.
func everyFlag() cli.Flag {
	return &cli.DurationFlag{Name: "every", Value: time.Second, Usage: "`time` between frames of videos, as pgcli batch was given"}
}

func checkEvery(every time.Duration) error {
	if every < time.Millisecond {
		return usagef("--every is %v, want 1ms or more", every)
	}
	return nil
}

// batchIdentity returns what the answers depend on.
func batchIdentity(c *cli.Context) (id batch.Identity, err error) {
	if id.Model, err = modelDigest(c); err != nil {
		return id, err
	}
	for _, name := range batchFlags {
		id.Settings = append(id.Settings, batch.Setting{Name: dashed(name), Value: fmt.Sprint(c.Value(name))})
	}
	return id, nil
}

// modelDigest returns the SHA-256 of the model's file; of a model in two files that of
// the text of both digests.
func modelDigest(c *cli.Context) (string, error) {
	model, err := modelPath(c)
	if err != nil {
		return "", err
	}
	projector := c.Path("mmproj")
	if model == "" {
		sum := sha256.Sum256(models.Tiny())
		return hex.EncodeToString(sum[:]), nil
	}
	if projector == "" {
		projector, _ = findProjector(model) // "" for a whole model
	}
	busy := newStatus(c.App.ErrWriter)
	busy.show("computing the digest of the model")
	defer busy.clear()
	digest, err := fileDigest(c.Context, "model", model)
	if err != nil || projector == "" {
		return digest, err
	}
	other, err := fileDigest(c.Context, "vision tower", projector)
	sum := sha256.Sum256([]byte(digest + " " + other))
	return hex.EncodeToString(sum[:]), err
}

func fileDigest(ctx context.Context, what, path string) (string, error) {
	if err := hint(path); err != nil {
		return "", err
	}
	digest, err := hashFile(ctx, path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	return digest, nil
}
