package convert

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pgcli/paligemma/internal/legible"
)

// shards is a checkpoint in one or more safetensors files.
type shards struct {
	files []*os.File
	list  []array
	index map[string]span // by array name

	passed []string // notes about files of the folder that are not read
}

type span struct {
	file       *os.File
	start, end int64
}

// openShards opens the named files of dir. owner, unless nil, says in which of
// them each tensor must be.
func openShards(dir string, names []string, owner map[string]string) (_ *shards, err error) {
	s := &shards{index: map[string]span{}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	var problems []error
	for _, name := range names {
		if err := s.add(filepath.Join(dir, name), name, owner); err != nil {
			problems = append(problems, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(owner)) {
		if _, found := s.index[name]; !found && len(problems) == 0 {
			problems = append(problems, fmt.Errorf("%s: tensor %q should be in %s by the index, but is not", dir, name, owner[name]))
		}
	}
	if err := legible.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}

// add opens one file and takes in its tensors.
func (s *shards) add(path, name string, owner map[string]string) error {
	f, err := openInput(path)
	if err != nil {
		return err
	}
	s.files = append(s.files, f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	arrays, err := readSafetensors(f, info.Size(), path)
	if err != nil {
		return err
	}
	for _, a := range arrays {
		if _, twice := s.index[a.name]; twice {
			return fmt.Errorf("%s: tensor %q is also in another shard", path, a.name)
		}
		if owner != nil && owner[a.name] != name {
			return fmt.Errorf("%s: tensor %q is here, but the index places it in %q", path, a.name, owner[a.name])
		}
		s.index[a.name] = span{file: f, start: a.start, end: a.end}
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
	s.files = nil
	return errors.Join(errs...)
}
