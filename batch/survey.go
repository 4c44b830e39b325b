package batch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/pgcli/paligemma/internal/infile"
)

// A Plan says what a run has to do.
type Plan struct {
	Pictures int
	Known    int   // questions with a record
	Failed   int   // of these, records of failures
	Changed  int   // pictures whose records are about other bytes; 0 if they were not compared
	Missing  int   // questions that a run asks
	Asked    int   // pictures that these are about
	Rough    bool  // some source only estimates the number of its pictures
	Err      error // of the first source that ends early
}

// Survey returns what Run would have to do, and writes nothing: the file of records at
// path may also be missing, or "". compare reads pictures that have records, as Run does,
// to see whether they have changed; else they are taken for unchanged. The error is about
// the file or the context.
func Survey(ctx context.Context, path string, id Identity, sources []Source, opts *Options, compare bool) (*Plan, error) {
	if opts == nil {
		opts = &Options{}
	}
	f := &File{path: path, id: id}
	var err error
	f.file, err = infile.Open(path)
	if err == nil {
		err = f.read(ctx)
		f.file.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("batch: %w", err)
	}
	p := &Plan{}
	r := &run{out: f, opts: *opts}
	r.opts.Unchanged = opts.Unchanged || !compare
	for s := range leaves(ctx, sources) {
		if err := p.add(ctx, r, s); err != nil && p.Err == nil {
			p.Err = fmt.Errorf("batch: %w", err)
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return p, nil
}

// add counts the pictures and questions of a source.
func (p *Plan) add(ctx context.Context, r *run, s Source) error {
	if c, ok := s.(Counter); ok {
		n, err := c.Count(ctx)
		n /= max(1, r.opts.Shard.Of)
		p.Pictures += n
		p.Asked += n
		p.Missing += n * len(r.opts.Prompts)
		p.Rough = true
		return err
	}
	return r.each(ctx, s, func(j *job) bool {
		p.picture(ctx, r, j)
		return true
	})
}

// picture counts a picture and its questions.
func (p *Plan) picture(ctx context.Context, r *run, j *job) {
	p.Pictures++
	compare := false
	for _, q := range j.ask {
		at, known := r.out.find(q.key)
		if known {
			p.Known++
		}
		if at.failed {
			p.Failed++
		}
		compare = compare || q.known && r.reads(q)
	}
	if compare {
		j.read(ctx)
	}
	if compare && j.failed == nil {
		j.compare()
	} else {
		j.ask = slices.DeleteFunc(j.ask, func(q question) bool { return q.known })
	}
	p.Missing += len(j.ask)
	if len(j.ask) > 0 {
		p.Asked++
	}
	if j.changed {
		p.Changed++
	}
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
		for s := range leaves(ctx, f.sources) {
			for item, err := range s.Items(ctx) {
				if err == nil {
					err = context.Cause(ctx) // of a million items, few may be of the shard
				}
				if err == nil && !f.shard.Has(Named(item).Name) {
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
