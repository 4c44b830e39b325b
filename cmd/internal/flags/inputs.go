package flags

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/parquet"
	"github.com/pgcli/paligemma/batch/s3"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/newfile"
	"github.com/urfave/cli/v2"
)

// InputHelp is the part of the help about inputs that are no picture files.
const InputHelp = `  metadata.jsonl     of an imagefolder, or metadata.csv or .parquet: the pictures that
                     the rows' file_name names, as Hugging Face's datasets has it
  a.tar, a.tar.gz    the pictures in an archive, such as webdataset's: a.tar#member
  a.parquet          the pictures in a column of a table, such as a data set's: a.parquet#0
  s3://bucket/key    the pictures of a bucket whose keys begin so; credentials as
                     other programs find them (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...)
  film.mp4           frames of a video: film.mp4#t=2.000; needs ffmpeg`

// Inputs are the sources that arguments name. They are found again each time they are gone
// through, so that the names of millions of pictures take no memory.
type Inputs struct {
	Sources []batch.Source

	c          *cli.Context
	containers Containers
	store      *s3.Store         // of s3:// inputs; nil before the first
	lists      []io.Closer       // with an input on each line
	stdin      bool              // is one of them
	metadata   map[string]string // file of metadata that is an input, by its folder
}

// NewInputs finds the sources that the arguments name, and refuses those that cannot be
// read. The caller must Close the Inputs.
func NewInputs(c *cli.Context) (*Inputs, error) {
	if !c.Args().Present() {
		return nil, Usagef("no INPUT: name a folder, pictures, or one of those in %s help %s", c.App.Name, c.Command.Name)
	}
	return inputs(c, c.Args().Slice())
}

// Listed finds the sources on the lines of a list at path; - is standard input. The caller
// must Close the Inputs.
func Listed(c *cli.Context, path string) (*Inputs, error) {
	if path != "-" {
		path = "@" + path
	}
	return inputs(c, []string{path})
}

func inputs(c *cli.Context, arguments []string) (*Inputs, error) {
	k, err := ReadContainers(c)
	in := &Inputs{c: c, containers: k, metadata: map[string]string{}}
	for _, name := range arguments {
		if err == nil {
			err = in.argument(name)
		}
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// Close closes and removes what the Inputs hold. It is safe on nil.
func (in *Inputs) Close() {
	if in == nil {
		return
	}
	for _, f := range in.lists {
		f.Close()
	}
	in.lists = nil
}

// argument adds an argument, which may also be a list of inputs, or a pattern.
func (in *Inputs) argument(name string) error {
	list, isList := strings.CutPrefix(name, "@")
	switch {
	case name == "-":
		if in.stdin || in.c.Path("file") == "-" {
			return Usagef("standard input (-) is named twice")
		}
		in.stdin = true
		return in.stream("standard input", infile.Reader(in.c.Context, in.c.App.Reader))
	case isList:
		return in.list(list)
	case strings.ContainsAny(name, "*?[") && !Exists(name) && !strings.HasPrefix(name, s3.Scheme):
		return in.group("", "no file matches "+strconv.Quote(name), func(ctx context.Context) iter.Seq2[string, error] { return batch.Glob(ctx, name) })
	}
	source, err := in.source(name, false)
	if err == nil {
		err = in.check(source)
	}
	in.Sources = append(in.Sources, source)
	return err
}

// list adds the inputs on the lines of a file.
func (in *Inputs) list(path string) error {
	if f, err := infile.Open(path); err == nil {
		in.lists = append(in.lists, f)
		return in.lines(path, f)
	}
	f, err := infile.OpenStream(in.c.Context, path) // a pipe, or the error
	if err != nil {
		return fmt.Errorf("list of inputs: %w", err)
	}
	defer f.Close()
	return in.stream(path, f)
}

// maxStream is the most bytes that are kept of names that can be read only once: a hundred
// million of them. Another program may never end to write them.
var maxStream int64 = 4 << 30

// stream adds the inputs on the lines of r, which can be read only once: they are kept in a
// temporary file.
func (in *Inputs) stream(name string, r io.Reader) error {
	f, err := newfile.Scratch()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	in.lists = append(in.lists, f)
	left := &io.LimitedReader{R: r, N: maxStream}
	for _, err := range batch.Lines(io.TeeReader(left, f)) { // so that it ends at the first line that is no name
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if left.N == 0 {
		return fmt.Errorf("%s has %d GiB of names or more, which would fill the temporary folder; give them in a file", name, maxStream>>30)
	}
	return in.lines(name, f)
}

// lines adds the inputs on the lines of an open file.
func (in *Inputs) lines(name string, f io.ReaderAt) error {
	return in.group(name+": ", name+" has no line with an input", func(context.Context) iter.Seq2[string, error] {
		return batch.Lines(io.NewSectionReader(f, 0, math.MaxInt64))
	})
}

// group adds the inputs of names, after it has gone through all of them. about begins
// errors, and none is the error about no names.
func (in *Inputs) group(about, none string, names func(context.Context) iter.Seq2[string, error]) error {
	n := 0
	for name, err := range names(in.c.Context) {
		var source batch.Source
		if err == nil {
			source, err = in.source(name, true)
		}
		if err == nil {
			err = in.check(source)
		}
		if err == nil && in.c.Context.Err() != nil {
			return context.Cause(in.c.Context)
		}
		if err != nil {
			return fmt.Errorf("%s%w", about, err)
		}
		n++
	}
	if n == 0 {
		return errors.New(none)
	}
	in.Sources = append(in.Sources, batch.Sources(func(ctx context.Context) iter.Seq[batch.Source] {
		return func(yield func(batch.Source) bool) {
			for name, err := range names(ctx) {
				var source batch.Source
				if err == nil {
					source, err = in.source(name, true)
				}
				if err != nil { // something has changed since
					source = broken{fmt.Errorf("%s%w", about, err)}
				}
				if !yield(source) {
					return
				}
			}
		}
	}))
	return nil
}

// A broken is a source that cannot be read.
type broken struct{ err error }

func (b broken) Items(context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) { yield(batch.Item{}, b.err) }
}

// source returns a folder, a bucket, a file with many pictures, or a picture. A picture
// that is missing is a failure of its own if a list names it, since lists are long; else it
// is an error.
func (in *Inputs) source(name string, listed bool) (batch.Source, error) {
	info, missing := os.Stat(name)
	switch {
	case missing == nil && info.IsDir():
		return batch.Folder(name), nil
	case strings.HasPrefix(name, s3.Scheme):
		return in.bucket(name)
	case missing != nil && !listed:
		if p := new(fs.PathError); errors.As(missing, &p) {
			missing = p.Err
		}
		return nil, fmt.Errorf("input %s: %w", name, missing)
	case strings.EqualFold(filepath.Ext(name), ".gguf"):
		return nil, Usagef("%s is a model: give it with -m %s", name, name)
	case batch.IsMetadata(name):
		return batch.Metadata(name), in.only(name)
	case parquet.IsMetadata(name):
		return parquet.Metadata(name), in.only(name)
	}
	if source := in.containers.Source(name); source != nil {
		return source, nil
	}
	return batch.Files{name}, nil
}

// only refuses a file of metadata if another of its folder is an input, as datasets does.
func (in *Inputs) only(name string) error {
	dir := filepath.Dir(name)
	if other := in.metadata[dir]; other != "" && filepath.Base(other) != filepath.Base(name) {
		return Usagef("%s and %s name the pictures of one folder: give one of them", other, name)
	}
	in.metadata[dir] = name
	return nil
}

// Exists reports whether a path names anything that can be looked at.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
