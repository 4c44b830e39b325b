package flags

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/s3"
	"github.com/pgcli/paligemma/batch/video"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/legible"
	"github.com/urfave/cli/v2"
)

// InputHelp is the part of the help about inputs that are no picture files.
const InputHelp = `  a.tar, a.tar.gz    the pictures in an archive, such as webdataset's: a.tar#member
  a.parquet          the pictures in a column of a table, such as a data set's: a.parquet#0
  s3://bucket/prefix the pictures of a bucket whose keys begin so; credentials as other
                     programs find them (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...)
  film.mp4           frames of a video: film.mp4#t=2.000; needs ffmpeg`

// inputs are the sources that arguments name.
type inputs struct {
	c          *cli.Context
	containers Containers
	store      *s3.Store // of s3:// inputs; nil before the first
	sources    []batch.Source
	stdin      bool // read already
}

// Inputs finds the sources that the arguments name.
func Inputs(c *cli.Context) ([]batch.Source, error) {
	in, err := newInputs(c)
	if err != nil {
		return nil, err
	}
	if !c.Args().Present() {
		return nil, Usagef("no INPUT: name a folder, pictures, or one of those in %s help %s", c.App.Name, c.Command.Name)
	}
	for _, name := range c.Args().Slice() {
		if err := in.argument(name); err != nil {
			return nil, err
		}
	}
	return in.sources, nil
}

func newInputs(c *cli.Context) (*inputs, error) {
	k, err := ReadContainers(c)
	return &inputs{c: c, containers: k}, err
}

// Listed finds the sources on the lines of a list at path; - is standard input.
func Listed(c *cli.Context, path string) ([]batch.Source, error) {
	argument := "@" + path
	if path == "-" {
		argument = "-"
	}
	in, err := newInputs(c)
	if err == nil {
		err = in.argument(argument)
	}
	return in.sources, err
}

// argument adds an argument, which may also be a list of inputs, or a pattern.
func (in *inputs) argument(name string) error {
	list, isList := strings.CutPrefix(name, "@")
	switch {
	case name == "-":
		return in.standardInput()
	case isList:
		if lists, err := in.pictures(list); lists || err != nil {
			return err
		}
		f, err := infile.OpenStream(in.c.Context, list)
		if err != nil {
			return fmt.Errorf("list of inputs: %w", err)
		}
		defer f.Close()
		return in.list(list, f)
	case strings.ContainsAny(name, "*?[") && !exists(name) && !strings.HasPrefix(name, s3.Scheme):
		found, err := filepath.Glob(name)
		if err != nil {
			return Usagef("pattern %q: %v", name, err)
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
		return Usagef("standard input (-) is named twice")
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

// pictures adds a list that names picture files alone, without its names: there may be
// millions. lists is false for all other lists, also for those that only an error is about.
func (in *inputs) pictures(list string) (lists bool, err error) {
	info, err := os.Stat(list)
	if err != nil || !info.Mode().IsRegular() {
		return false, nil // OpenStream says more
	}
	f, err := infile.Open(list)
	if err != nil {
		return false, nil
	}
	defer f.Close()
	n := 0
	for name, err := range batch.Lines(f) {
		if err != nil || !in.isPicture(name) {
			return false, nil
		}
		if n++; n%1000 == 0 && in.c.Context.Err() != nil {
			return false, context.Cause(in.c.Context)
		}
	}
	if n > 0 {
		in.sources = append(in.sources, batch.ListFile(list))
	}
	return n > 0, nil
}

// isPicture reports whether input would add a name as a picture file.
func (in *inputs) isPicture(name string) bool {
	info, err := os.Stat(name)
	return !(err == nil && info.IsDir()) && !strings.HasPrefix(name, s3.Scheme) && !isModel(name) && !isMetadata(name) && in.containers.Source(name) == nil
}

func isModel(name string) bool    { return strings.EqualFold(filepath.Ext(name), ".gguf") }
func isMetadata(name string) bool { return filepath.Base(name) == "metadata.jsonl" }

// input adds a folder, a bucket, a file with many pictures, or a picture. A picture that is missing is a failure
// of its own if a list names it, since lists are long; else it is an error.
func (in *inputs) input(name string, listed bool) error {
	var err error
	info, missing := os.Stat(name)
	switch {
	case missing == nil && info.IsDir():
		err = in.folder(name)
	case strings.HasPrefix(name, s3.Scheme):
		err = in.bucket(name)
	case missing != nil && !listed:
		if p := new(fs.PathError); errors.As(missing, &p) {
			missing = p.Err
		}
		err = fmt.Errorf("input %s: %w", name, missing)
	case isModel(name):
		err = Usagef("%s is a model: give it with -m %s", name, name)
	case isMetadata(name):
		var files batch.Files
		if files, err = batch.Metadata(name); err == nil {
			in.files(files...)
		}
	case in.containers.Source(name) != nil:
		in.sources = append(in.sources, in.containers.Source(name))
		if video.IsVideo(name) {
			err = video.Check()
		}
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
		fmt.Fprintf(in.c.App.ErrWriter, "%s: %s: %d files are left out, as their names are not those of pictures\n", in.c.App.Name, legible.Text(dir), others)
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

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
