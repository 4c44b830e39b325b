package convert

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/pgcli/paligemma/internal/infile"
)

// read walks through the arrays in the order in which the tensors need them.
func (p *pipeline) read(ctx context.Context) error {
	for i, group := range p.groups[p.first:] {
		if err := p.readArray(ctx, p.first+i, group); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			a := group[0].from
			return fmt.Errorf("%s: %s: %w", a.where, a.name, err)
		}
	}
	if p.remote != nil {
		return p.remote.advance("")
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

// readArray reads array i from its start to its end.
func (p *pipeline) readArray(ctx context.Context, i int, group []*tensor) error {
	var before *boundary
	if s, ok := group[0].ck.(*shards); ok && s == p.remote {
		if err := s.advance(group[0].from.name); err != nil {
			return err
		}
	}
	if p.journal != nil {
		var err error
		if before, err = p.journal.boundary(i); err != nil {
			return err
		}
	}
	r, err := group[0].ck.open(group[0].from.name)
	if err != nil {
		return err
	}
	defer r.Close()
	in := infile.Checked(ctx, r)
	for _, t := range group {
		if err := p.readTensor(ctx, t, in, before); err != nil {
			return err
		}
		before = nil
	}
	// The rest are rows beyond the vocabulary. An npz member is also checked
	// against its CRC at its end.
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	return nil
}

// readTensor reads the next slice of an array and sends it off in chunks.
func (p *pipeline) readTensor(ctx context.Context, t *tensor, r io.Reader, before *boundary) error {
	changes := make([]change, len(t.edits))
	for i, e := range t.edits {
		var err error
		if changes[i], err = e.load(ctx); err != nil {
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
			t: t, first: first, n: n, elems: n * cols(t.shape), changes: changes, after: before,
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
		before = nil
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
