package convert

import (
	"context"
	"sync"
)

// A sink takes the tensors of the output, one after another.
type sink interface {
	begin(t *tensor) error
	write(p []byte) error
	end() error
}

// chunkElems is how many values are converted at a time: 2 MiB of float32, which
// stay in a processor's cache from decoding to quantizing.
const chunkElems = 1 << 19

// A pipeline reads the tensors, converts chunks of rows in parallel, and hands
// them to a sink in the order they were read:
//
//	reader -> work -> converters -> chunk.ready
//	       -> order ----------------------------> sink
//
// Memory is bounded by the chunks, of which there are a few for each converter,
// and by two slabs: slices of arrays that must be transposed are read whole.
type pipeline struct {
	groups  [][]*tensor // by source, in the order of reading
	first   int         // the first group that is not in the output
	remote  *shards     // the source, if files of it are remote
	journal *journal    // nil for none
	ggml    *engine
	threads int
	sink    sink
	done    func(t *tensor, bytes int64) // called by run after each chunk

	work, order chan *chunk
	free        chan *chunk
	slabs       chan *slab
}

// A slab holds the slice that several chunks are gathered from.
type slab struct {
	buffer []byte
	users  sync.WaitGroup
}

// run converts everything, and returns the first error in the order of reading.
func (p *pipeline) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if p.remote != nil {
		p.remote.reading(ctx)
	}
	chunks := 2*p.threads + 2
	p.work, p.order = make(chan *chunk, chunks), make(chan *chunk, chunks)
	p.free, p.slabs = make(chan *chunk, chunks), make(chan *slab, 2)
	for range chunks {
		p.free <- &chunk{ready: make(chan struct{}, 1)}
	}
	for range cap(p.slabs) {
		p.slabs <- &slab{}
	}
	var running sync.WaitGroup
	var broke error // of reading; what has been read before is still written
	running.Go(func() {
		defer close(p.work)
		defer close(p.order)
		broke = p.read(ctx)
	})
	for range p.threads {
		running.Go(func() {
			w := &rowConverter{ggml: p.ggml}
			for c := range p.work {
				if c.err = context.Cause(ctx); c.err == nil {
					if err := w.convert(c); err != nil {
						c.err = valuesError{err}
					}
				}
				if c.slab != nil {
					c.slab.users.Done()
				}
				c.ready <- struct{}{}
			}
		})
	}
	for c := range p.order { // to its end also after an error, so that nobody waits for room
		<-c.ready
		err := c.err
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = p.write(c)
		}
		if err != nil {
			cancel(err) // the first call counts
		}
		p.free <- c
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return broke
}

// write hands a chunk to the sink, opening and closing its tensor.
func (p *pipeline) write(c *chunk) error {
	if c.after != nil {
		if err := p.journal.pass(c.after); err != nil {
			return err
		}
	}
	if c.first == 0 {
		if err := p.sink.begin(c.t); err != nil {
			return err
		}
	}
	if err := p.sink.write(c.out); err != nil {
		return err
	}
	if c.first+c.n == rows(c.t.shape) {
		if err := p.sink.end(); err != nil {
			return err
		}
	}
	if p.journal != nil {
		p.journal.since += int64(len(c.out))
	}
	if p.done != nil {
		p.done(c.t, int64(len(c.out)))
	}
	return nil
}

// A valuesError is about values that cannot be converted.
type valuesError struct{ error }

func (e valuesError) Unwrap() error { return e.error }
