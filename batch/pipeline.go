package batch

import (
	"context"
	"fmt"
	"image"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// A run is one call of Run: one goroutine goes through the sources, some decode and stretch
// pictures, some ask about them, and the caller's writes the records in order. Each waits
// for the next, so that the number of pictures in memory is bounded.
type run struct {
	model   *paligemma.Model
	out     *File
	sources []Source
	opts    Options

	sourceErr error // belongs to the goroutine that goes through the sources, until it ends

	mu       sync.Mutex // guards progress
	progress Progress
}

// A job is a picture on its way.
type job struct {
	number  int // of the pictures that are asked about, from 0
	item    Item
	ask     []question
	data    []byte
	picture *paligemma.Prepared
	sha256  string
	size    image.Point     // pixels
	failed  *record.Failure // why there is no picture
	changed bool            // records of before are about other bytes
	records []*record.Record
}

// A question is a prompt about the picture of a job.
type question struct {
	key    record.Key
	prompt paligemma.Prompt
	known  bool           // has a record, which stays if the picture's content does
	of     record.Content // which the record is about
}

const (
	decoders = 2  // pictures that are decoded at a time: a decoded one may be large
	window   = 16 // pictures that may be finished before an earlier one
)

// all goes through the sources and writes the records.
func (r *run) all(ctx context.Context) error {
	asker, fewer, err := NewAsker(r.model, r.out.id, r.opts.Parallel, r.opts.Sampling)
	if err != nil {
		return err
	}
	defer asker.Close()
	if fewer != nil {
		r.notice(fmt.Sprintf("%d answers at a time, not %d: %v", asker.Parallel(), r.opts.Parallel, fewer))
	}
	return r.flow(ctx, asker.Parallel(), func(j *job) { j.prepare(ctx, r.model) }, func(ctx context.Context, j *job) error {
		encoded, err := asker.encode(ctx, j)
		if err == nil {
			err = asker.records(ctx, j, encoded)
		}
		return err
	})
}

// flow takes pictures through all stages: prepare makes them ready for the model, answer
// asks about them, parallel at a time, and fails if nothing more can be asked.
func (r *run) flow(ctx context.Context, parallel int, prepare func(*job), answer func(context.Context, *job) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		read   = make(chan *job)
		ready  = make(chan *job, parallel) // as many as may be taken at once
		done   = make(chan *job)
		room   = make(chan struct{}, 2*parallel+window)
		stages sync.WaitGroup
	)
	stages.Go(func() {
		defer close(read)
		r.read(ctx, read, room)
	})
	stage(&stages, decoders, ready, func() {
		for j := range read {
			prepare(j)
			if !send(ctx, ready, j) {
				return
			}
		}
	})
	stage(&stages, parallel, done, func() {
		for j := range ready {
			if err := answer(ctx, j); err != nil {
				cancel(err)
				return
			}
			if !send(ctx, done, j) {
				return
			}
		}
	})
	err := r.write(ctx, done, room)
	if err == nil {
		err = context.Cause(ctx) // nil if all pictures are done
	}
	cancel(err)
	for range done { // those that were on their way
	}
	stages.Wait()
	return err
}

// stage runs n goroutines, and closes their channel when all of them have ended.
func stage(all *sync.WaitGroup, n int, out chan *job, do func()) {
	var own sync.WaitGroup
	for range n {
		own.Go(do)
	}
	all.Go(func() {
		own.Wait()
		close(out)
	})
}

// send sends a job, unless the context ends before.
func send(ctx context.Context, to chan *job, j *job) bool {
	select {
	case to <- j:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (r *run) notice(text string) {
	if r.opts.Notice != nil {
		r.opts.Notice(text)
	}
}

// read goes through the sources, and reads the pictures that have questions left, or may
// have changed. It takes room for each of them.
func (r *run) read(ctx context.Context, to chan *job, room chan struct{}) {
	number := 0
	for s := range leaves(ctx, r.sources) {
		err := r.each(ctx, s, func(j *job) bool {
			if !slices.ContainsFunc(j.ask, r.reads) {
				r.count(Progress{Pictures: 1, Earlier: 1})
				return true
			}
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return false
			}
			j.read(ctx)
			j.number = number
			number++
			return send(ctx, to, j)
		})
		if ctx.Err() != nil {
			return
		}
		if r.sourceErr == nil {
			r.sourceErr = err
		}
	}
}

// each calls do, until it returns false, with the pictures of a source that are of the
// shard and have not been before, and with their questions, whose order the file notes.
func (r *run) each(ctx context.Context, s Source, do func(*job) bool) error {
	for item, err := range s.Items(ctx) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if item = Named(item); !r.opts.Shard.Has(item.Name) {
			continue
		}
		j := &job{item: item}
		for _, p := range r.opts.Prompts {
			if q := r.question(item.Name, p); r.out.ask(q.key) {
				j.ask = append(j.ask, q)
			}
		}
		if len(j.ask) > 0 && !do(j) {
			return nil
		}
	}
	return nil
}

// question returns a question with what the file has about it.
func (r *run) question(image string, p paligemma.Prompt) question {
	q := question{key: r.out.id.key(image, p), prompt: p}
	had, known := r.out.find(q.key)
	q.known, q.of = known && !(r.opts.RetryFailed && had.failed), had.of
	return q
}

// reads reports whether a question needs the picture: to be asked, or to see whether
// its record is about the same bytes.
func (r *run) reads(q question) bool { return !q.known || q.of != record.Unread && !r.opts.Unchanged }

// Named returns an item as its records name it: a name that is not UTF-8, which JSON cannot
// hold, is spelled with escapes, and its picture is refused by Read.
func Named(item Item) Item {
	if utf8.ValidString(item.Name) {
		return item
	}
	quoted := fmt.Sprintf("%+q", item.Name)
	item.Name = quoted[1 : len(quoted)-1]
	item.Read = func(context.Context) ([]byte, error) {
		return nil, fmt.Errorf("its name %s is not UTF-8; rename it", quoted)
	}
	return item
}
