package batch

import (
	"context"
	"fmt"
	"image"
	"sync"
	"unicode/utf8"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// A run is a Run: one goroutine goes through the sources, some decode pictures, some ask
// about them, and the caller's writes the records in order. Each waits for the next, so
// that the number of pictures in memory is bounded.
type run struct {
	model   *paligemma.Model
	out     *File
	sources []Source
	opts    Options
	known   map[key]bool // questions that are not asked again

	// These belong to the goroutine that goes through the sources, until it ends.
	keys      []key // of all questions, in order
	sourceErr error

	asker *Asker

	mu       sync.Mutex // guards progress
	progress Progress
}

// A job is a picture on its way.
type job struct {
	number  int // of the pictures that are asked about, from 0
	item    Item
	ask     []question
	data    []byte
	picture image.Image
	sha256  string
	size    image.Point     // pixels
	failed  *record.Failure // why there is no picture
	records []*record.Record
}

// A question is a prompt about the picture of a job.
type question struct {
	key    key
	prompt paligemma.Prompt
}

// Numbers of pictures: that are decoded at a time, that are encoded (one computes,
// another is resized), and that may be finished before one that is earlier.
const (
	decoders = 2
	encoders = 2
	window   = 16
)

// all goes through the sources and writes the records.
func (r *run) all(ctx context.Context) error {
	r.known = r.out.known(r.opts.RetryFailed)
	asker, fewer, err := NewAsker(r.model, r.out.id, r.opts.Parallel, r.opts.Sampling)
	if err != nil {
		return err
	}
	defer asker.Close()
	r.asker = asker
	parallel := asker.Parallel()
	if fewer != nil {
		r.notice(fmt.Sprintf("%d answers at a time, not %d: %v", parallel, r.opts.Parallel, fewer))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		read    = make(chan *job)
		decoded = make(chan *job)
		done    = make(chan *job)
		room    = make(chan struct{}, 2*parallel+window)
		stages  sync.WaitGroup
	)
	stages.Go(func() {
		defer close(read)
		r.read(ctx, read, room)
	})
	stage(&stages, decoders, decoded, func() {
		for j := range read {
			j.decode(r.model)
			if !send(ctx, decoded, j) {
				return
			}
		}
	})
	stage(&stages, parallel, done, func() {
		if err := r.answer(ctx, decoded, done); err != nil {
			cancel(err)
		}
	})
	if err = r.write(ctx, done, room); err == nil {
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

// read goes through the sources, notes the key of every question, and reads the
// pictures that have questions left. It takes room for each of them.
func (r *run) read(ctx context.Context, to chan *job, room chan struct{}) {
	seen := map[key]bool{}
	number := 0
	for _, s := range r.sources {
		for item, err := range s.Items(ctx) {
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				if r.sourceErr == nil {
					r.sourceErr = err
				}
				break
			}
			if item = named(item); !r.opts.Shard.Has(item.Name) || seen[r.out.id.key(item.Name, r.opts.Prompts[0])] {
				continue
			}
			j := &job{number: number, item: item}
			for _, p := range r.opts.Prompts {
				k := r.out.id.key(item.Name, p)
				seen[k], r.keys = true, append(r.keys, k)
				if !r.known[k] {
					j.ask = append(j.ask, question{k, p})
				}
			}
			if len(j.ask) == 0 {
				r.count(Progress{Pictures: 1, Earlier: 1})
				continue
			}
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return
			}
			j.read(ctx)
			number++
			if !send(ctx, to, j) {
				return
			}
		}
	}
}

// named spells out a name that is not UTF-8, which JSON cannot hold, and refuses its
// picture.
func named(item Item) Item {
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
