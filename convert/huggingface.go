package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/pgcli/paligemma/internal/legible"
)

// shards is a checkpoint in one or more safetensors files.
type shards struct {
	files    []*os.File
	arrivals []*arrival // those that are not on the disk, in the order of their names
	list     []array
	index    map[string]span // by array name

	finished int // arrivals that are read to their end

	passed []string // notes about files of the folder that are not read
}

type span struct {
	file       *os.File
	arrival    *arrival // instead of file
	start, end int64
}

// openShards opens the named files of a folder. owner, unless nil, says in which of
// them each tensor must be.
func openShards(dir sourceDir, names []string, owner map[string]string) (_ *shards, err error) {
	s := &shards{index: map[string]span{}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	var problems []error
	for _, name := range names {
		if err := s.add(dir, name, owner); err != nil {
			problems = append(problems, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(owner)) {
		if _, found := s.index[name]; !found && len(problems) == 0 {
			problems = append(problems, fmt.Errorf("%s: tensor %q should be in %s by the index, but is not", dir.path, name, owner[name]))
		}
	}
	if err := legible.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}

// add opens one file and takes in its tensors.
func (s *shards) add(dir sourceDir, name string, owner map[string]string) error {
	path := dir.join(name)
	var at span
	var arrays []safetensorsArray
	if r, ok := dir.remote[name]; ok && !isFile(path) {
		a := &arrival{Remote: r, path: path, ctx: dir.ctx}
		var err error
		if arrays, err = a.readHeader(); err != nil {
			return err
		}
		at.arrival = a
		s.arrivals = append(s.arrivals, a)
	} else {
		f, err := openInput(path)
		if err != nil {
			return err
		}
		s.files = append(s.files, f)
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if arrays, err = readSafetensors(f, info.Size(), path); err != nil {
			return err
		}
		at.file = f
	}
	for _, a := range arrays {
		if _, twice := s.index[a.name]; twice {
			return fmt.Errorf("%s: tensor %q is also in another shard", path, a.name)
		}
		if owner != nil && owner[a.name] != name {
			return fmt.Errorf("%s: tensor %q is here, but the index places it in %q", path, a.name, owner[a.name])
		}
		at.start, at.end = a.start, a.end
		s.index[a.name] = at
		s.list = append(s.list, a.array)
	}
	return nil
}

func (s *shards) format() Format  { return HuggingFace }
func (s *shards) arrays() []array { return s.list }

func (s *shards) open(name string) (io.ReadCloser, error) {
	at, found := s.index[name]
	if !found {
		return nil, fmt.Errorf("no tensor %q", name)
	}
	if at.arrival != nil {
		return at.arrival.section(at.start, at.end)
	}
	return io.NopCloser(io.NewSectionReader(at.file, at.start, at.end-at.start)), nil
}

func (s *shards) paths() []string {
	var list []string
	for _, f := range s.files {
		list = append(list, f.Name())
	}
	return list
}

func (s *shards) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	for _, a := range s.arrivals {
		errs = append(errs, a.Close())
	}
	s.files, s.arrivals = nil, nil
	return errors.Join(errs...)
}

// advance finishes the remote files before the one that an array is in; all of them for
// "".
func (s *shards) advance(name string) error {
	next := s.index[name].arrival
	if next == nil && name != "" {
		return nil // on the disk
	}
	for s.finished < len(s.arrivals) && s.arrivals[s.finished] != next {
		if err := s.arrivals[s.finished].finish(); err != nil {
			return err
		}
		s.finished++
	}
	return nil
}

// resume goes on at a boundary.
func (s *shards) resume(b *boundary) error {
	if b.Arrays < 0 || b.Files < 0 || b.Files > len(s.arrivals) {
		return fmt.Errorf("%d files before a boundary, of %d", b.Files, len(s.arrivals))
	}
	if s.finished = b.Files; b.Files == len(s.arrivals) {
		return nil
	}
	return s.arrivals[b.Files].resume(b.At, b.Hash)
}

// reading lets reads of remote files end with ctx.
func (s *shards) reading(ctx context.Context) {
	for _, a := range s.arrivals {
		a.ctx = ctx
	}
}
