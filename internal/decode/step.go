package decode

import (
	"context"
	"errors"
	"slices"

	"github.com/pgcli/paligemma/internal/nn"
)

// A Row is a token to compute, after the last of its sequence.
type Row struct {
	Sequence *Sequence
	ID       int32
	branch   int // of the sequence; rows of a branch do not see those of another
}

// Step computes tokens: rows of several sequences, and several rows of one,
// which stand side by side and see those before them. Afterwards the sequences
// have these tokens. If it fails they are as before; a sequence alone is empty if not
// all of its numbers are finite.
func (d *Decoder) Step(ctx context.Context, rows ...Row) error {
	spans, err := d.spansOf(rows)
	if err != nil {
		return err
	}
	hidden, err := d.compute(ctx, rows, spans)
	if err != nil {
		return err
	}
	for _, s := range spans {
		n := s.n * d.gemma.Width
		s.rows = slices.Collect(slices.Chunk(hidden[:n:n], d.gemma.Width))
		s.hidden = s.rows[s.n-1]
		s.length += s.n
		hidden = hidden[n:]
	}
	return nil
}

// compute returns the hidden states [d, n] of rows, whose sequences stay as they
// are but for what is behind their last token.
func (d *Decoder) compute(ctx context.Context, rows []Row, spans []span) ([]float32, error) {
	t, err := d.step(spans)
	if err != nil {
		return nil, err
	}
	if err := t.set(rows, spans); err != nil {
		return nil, err
	}
	hidden := make([]float32, t.out.Len())
	if err = t.g.Compute(ctx); err == nil {
		err = nn.Get(t.g, t.out, hidden)
	}
	left := hidden
	for _, s := range spans {
		n := s.n * d.gemma.Width
		if err == nil {
			err = s.check(left[:n], s.length, s.n)
		}
		left = left[n:]
	}
	if len(spans) == 1 {
		err = spans[0].failed(err)
	}
	return hidden, err
}

// A span is the rows of one sequence in a step.
type span struct {
	*Sequence
	n      int     // rows
	keys   int     // places of the cache that the graph attends to
	places []place // of the rows
}

// A place says where a row's key and value go and which keys the row sees: the
// first ones, and those from its branch's first to its own. A branch is one of
// several continuations of a sequence; without branches the two parts are one.
type place struct {
	at     int // place in the cache
	shared int // the row sees keys [0, shared)
	from   int // and [from, at]
}

// position returns the row's position in its sequence.
func (p place) position() int { return p.shared + p.at - p.from }

// keys returns the place for our kernels.
func (p place) keys() nn.Place {
	return nn.Place{At: p.at, Shared: p.shared, From: p.from, To: p.at + 1}
}

// sees reports whether the row attends to a key.
func (p place) sees(key int) bool { return key < p.shared || p.from <= key && key <= p.at }

// stepKeys is the size class of a step's graph, in keys: the graph attends to
// all the keys it was built for, so a smaller class costs less work and more
// building.
const stepKeys = 256

// spansOf groups rows by sequence, each with the size class it needs.
func (d *Decoder) spansOf(rows []Row) (spans []span, err error) {
	for i, r := range rows {
		if r.Sequence.decoder != d {
			return nil, errors.New("the sequence of a row belongs to another decoder")
		}
		if n := len(spans); n == 0 || spans[n-1].Sequence != r.Sequence {
			if slices.ContainsFunc(spans, func(s span) bool { return s.Sequence == r.Sequence }) {
				return nil, errors.New("rows of one sequence do not stand side by side")
			}
			spans = append(spans, span{Sequence: r.Sequence})
		}
		s := &spans[len(spans)-1]
		at := s.length + s.n
		p := place{at: at, shared: s.length, from: s.length}
		if s.n > 0 && rows[i-1].branch == r.branch {
			p.from = s.places[s.n-1].from
		} else if s.n > 0 {
			p.from = at
		}
		s.places = append(s.places, p)
		s.n++
	}
	for i := range spans {
		s := &spans[i]
		if s.length+s.n > s.Cap() {
			return nil, ErrFull
		}
		s.keys = min(((s.length+s.n-1)/stepKeys+1)*stepKeys, s.Cap())
	}
	return spans, nil
}
