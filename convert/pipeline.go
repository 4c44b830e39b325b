package convert

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
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
	tensors []*tensor
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
	running.Go(func() {
		defer close(p.work)
		defer close(p.order)
		if err := p.read(ctx); err != nil {
			cancel(err)
		}
	})
	for range p.threads {
		running.Go(func() {
			w := &rowConverter{ggml: p.ggml}
			for c := range p.work {
				if c.err = context.Cause(ctx); c.err == nil {
					c.err = w.convert(c)
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
	return context.Cause(ctx)
}

// write hands a chunk to the sink, opening and closing its tensor.
func (p *pipeline) write(c *chunk) error {
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
	if p.done != nil {
		p.done(c.t, int64(len(c.out)))
	}
	return nil
}

// read walks through the arrays in the order in which the tensors need them.
func (p *pipeline) read(ctx context.Context) error {
	for _, group := range bySource(p.tensors) {
		if err := p.readArray(ctx, group); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			a := group[0].from
			return fmt.Errorf("%s: %s: %w", a.where, a.name, err)
		}
	}
	return nil
}

// bySource groups the tensors that are slices of the same array.
func bySource(tensors []*tensor) [][]*tensor {
	type key struct {
		ck   checkpoint
		name string
	}
	var groups [][]*tensor
	index := map[key]int{}
	for _, t := range tensors {
		k := key{t.ck, t.from.name}
		i, found := index[k]
		if !found {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	for _, group := range groups {
		slices.SortFunc(group, func(a, b *tensor) int { return cmp.Compare(a.slice, b.slice) })
	}
	return groups
}

// readArray reads one array from its start to its end.
func (p *pipeline) readArray(ctx context.Context, group []*tensor) error {
	r, err := group[0].ck.open(group[0].from.name)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, t := range group {
		if err := p.readTensor(ctx, t, r); err != nil {
			return err
		}
	}
	// The rest are rows beyond the vocabulary. An npz member is also checked
	// against its CRC at its end.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return nil
}

// readTensor reads the next slice of an array and sends it off in chunks.
func (p *pipeline) readTensor(ctx context.Context, t *tensor, r io.Reader) error {
	deltas := make([]thinProduct, len(t.deltas))
	for i, d := range t.deltas {
		var err error
		if deltas[i], err = d.load(); err != nil {
			return err
		}
	}
	rowBytes := int(int64(cols(t.inner)) * int64(t.from.typ.BlockBytes()) / int64(t.from.typ.BlockSize()))
	total, stored := rows(t.shape), rows(t.inner)
	var s *slab
	if !t.place.stored() {
		var err error
		if s, err = p.readSlab(ctx, r, stored*rowBytes); err != nil {
			return err
		}
		defer func() { p.release(s) }()
	}
	step := max(1, chunkElems/cols(t.shape))
	for first := 0; first < total; {
		c, err := receive(ctx, p.free)
		if err != nil {
			return err
		}
		n := min(step, total-first)
		if first < stored {
			n = min(step, stored-first)
		}
		*c = chunk{
			t: t, first: first, n: n, elems: n * cols(t.shape), deltas: deltas,
			ready: c.ready, rawBuffer: c.rawBuffer, outBuffer: c.outBuffer,
		}
		switch {
		case first >= stored: // padding
		case s != nil:
			c.raw, c.slab = s.buffer, s
			s.users.Add(1)
		default:
			c.rawBuffer = grow(c.rawBuffer, n*rowBytes)
			c.raw = c.rawBuffer
			if _, err := io.ReadFull(r, c.raw); err != nil {
				return noEOF(err)
			}
		}
		p.order <- c // has room for all chunks there are
		p.work <- c
		first += n
	}
	return nil
}

// readSlab reads n bytes into a slab that no chunk uses. The buffer grows as
// bytes arrive: a deflated member can claim a thousand times its size.
func (p *pipeline) readSlab(ctx context.Context, r io.Reader, n int) (*slab, error) {
	s, err := receive(ctx, p.slabs)
	if err != nil {
		return nil, err
	}
	const step = 256 << 20
	for have := 0; have < n; {
		next := min(n, have+step)
		if cap(s.buffer) < next {
			s.buffer = append(make([]byte, 0, min(n, max(next, 2*cap(s.buffer)))), s.buffer[:have]...)
		}
		s.buffer = s.buffer[:next]
		if _, err := io.ReadFull(r, s.buffer[have:]); err != nil {
			p.slabs <- s
			return nil, noEOF(err)
		}
		have = next
	}
	return s, nil
}

// release makes a slab available again once its chunks are converted.
func (p *pipeline) release(s *slab) {
	go func() {
		s.users.Wait()
		p.slabs <- s // has room for all slabs there are
	}()
}

func receive[T any](ctx context.Context, from chan T) (T, error) {
	select {
	case v := <-from:
		return v, nil
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}
