package batch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/infile"
)

// A Plan says what a run has to do.
type Plan struct {
	Pictures int
	Known    int   // questions with a record
	Failed   int   // of these, records of failures
	Missing  int   // questions that a run asks
	Rough    bool  // some source only estimates the number of its pictures
	Err      error // of the first source that ends early
}

// Survey returns what Run would have to do, and writes nothing: the file of records at
// path may also be missing, or "". The error is about the file or the context.
func Survey(ctx context.Context, path string, id Identity, sources []Source, opts *Options) (*Plan, error) {
	f := &File{path: path, id: id, records: map[record.Key]place{}}
	var err error
	f.file, err = infile.Open(path)
	if err == nil {
		err = f.read()
		f.file.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("batch: %w", err)
	}
	p := &Plan{}
	for _, s := range sources {
		if err := p.add(ctx, f, s, opts); err != nil && p.Err == nil {
			p.Err = fmt.Errorf("batch: %w", err)
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return p, nil
}

// add counts the pictures and questions of a source.
func (p *Plan) add(ctx context.Context, f *File, s Source, opts *Options) error {
	if c, ok := s.(Counter); ok {
		n, err := c.Count(ctx)
		n /= max(1, opts.Shard.Of)
		p.Pictures += n
		p.Missing += n * len(opts.Prompts)
		p.Rough = true
		return err
	}
	for item, err := range s.Items(ctx) {
		if err != nil {
			return err
		}
		if item = named(item); !opts.Shard.Has(item.Name) {
			continue
		}
		p.Pictures++
		for _, prompt := range opts.Prompts {
			at, known := f.records[f.id.key(item.Name, prompt)]
			if known {
				p.Known++
			}
			if at.Failed {
				p.Failed++
			}
			if !known || at.Failed && opts.RetryFailed {
				p.Missing++
			}
		}
	}
	return nil
}

// First returns a source of the first n pictures of a shard of sources, for a trial.
func First(sources []Source, shard Shard, n int) []Source { return []Source{first{sources, shard, n}} }

type first struct {
	sources []Source
	shard   Shard
	n       int
}

func (f first) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		left := f.n
		for _, s := range f.sources {
			for item, err := range s.Items(ctx) {
				if err == nil && !f.shard.Has(named(item).Name) {
					continue
				}
				if left == 0 || !yield(item, err) {
					return
				}
				left--
			}
		}
	}
}
