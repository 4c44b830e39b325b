package batch

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// Failed returns the record of a question that was not asked, for programs that ask
// through an Asker.
func Failed(id *Identity, item Item, p paligemma.Prompt, kind record.Kind, err error) *record.Record {
	item = Named(item)
	return &record.Record{Key: id.key(item.Name, p).String(), Image: item.Name, Time: item.Time, Prompt: p, Model: id.Model, Error: failure(kind, err)}
}

// Misnamed returns the record of a question about a picture whose name is not UTF-8, as
// Run writes it: no message or record can have the name as it is.
func Misnamed(id *Identity, item Item, p paligemma.Prompt) *record.Record {
	item = Named(item)
	_, err := item.Read(context.Background())
	return Failed(id, item, p, record.KindRead, err)
}

// Has reports whether the file has a record for a question, and whether that is an answer.
func (f *File) Has(image string, p paligemma.Prompt) (known, answered bool) {
	at, known := f.find(f.id.key(image, p))
	return known, known && !at.failed
}

// Owns reports whether a record is of the file's model and settings.
func (f *File) Owns(r *record.Record) bool {
	return r.Model == f.id.Model && r.Key == f.id.Key(r.Image, r.Prompt)
}

// Add writes a record that another program has made, unless the file has one for its
// question that it does not replace: see record.Outcome. A record of another model or with
// other settings is an error.
func (f *File) Add(r *record.Record) (added bool, err error) {
	k := f.id.key(r.Image, r.Prompt)
	if !f.Owns(r) {
		return false, fmt.Errorf("batch: the record of %q and prompt %q is an answer of another model or with other settings", r.Image, r.Prompt)
	}
	if had, known := f.find(k); known && !r.Outcome().Replaces(had.outcome()) {
		return false, nil
	}
	if err := f.add(k, r); err != nil {
		return false, fmt.Errorf("batch: %w", err)
	}
	return true, nil
}

// Arrange puts the records into the order in which Run goes through sources and prompts,
// so that the file is the same as that of a Run, and returns what a Run would still ask. It
// calls missing for each question without a record.
func (f *File) Arrange(ctx context.Context, sources []Source, prompts []paligemma.Prompt, missing func(image string, p paligemma.Prompt)) (*Plan, error) {
	if f.whole {
		return nil, fmt.Errorf("batch: %w", errWhole)
	}
	p := &Plan{}
	f.restart()
	r := &run{out: f, opts: Options{Prompts: prompts}}
	for s := range leaves(ctx, sources) {
		err := r.each(ctx, s, func(j *job) bool {
			p.Pictures++
			before := p.Missing
			for _, q := range j.ask {
				at, known := f.find(q.key)
				switch {
				case !known:
					p.Missing++
					missing(j.item.Name, q.prompt)
				case at.failed:
					p.Known++
					p.Failed++
				default:
					p.Known++
				}
			}
			p.Asked += min(1, p.Missing-before)
			return true
		})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		p.Err = errors.Join(p.Err, err)
	}
	if p.Err != nil { // the order of what follows is not known
		return p, fmt.Errorf("batch: %w", p.Err)
	}
	if err := f.finish(ctx); err != nil {
		return p, fmt.Errorf("batch: %w", err)
	}
	return p, nil
}
