package convert

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/infile"
)

// An edit is an adapter's change of a tensor, still in its file.
type edit interface {
	load(ctx context.Context) (change, error)
}

// A change alters rows of n values, the first of which is row first of the tensor.
type change interface {
	apply(values []float32, first, n int)
}

// A delta is the product of two thin matrices that an adapter adds to a weight
// of shape [out, in]: scale * b * a, with a [rank, in] and b [out, rank].
type delta struct {
	from  *lora
	a, b  array
	rank  int
	scale float64
	// embedding is set for a vocabulary, where PEFT stores both matrices
	// transposed: a [rank, out] and b [in, rank].
	embedding bool
	magnitude *array // [out]: DoRA's lengths of the rows of the sum; nil without
}

// A thinProduct is a delta in memory: rank columns of b for each row, and rank
// rows of a.
type thinProduct struct {
	a, b      []float32
	rank      int
	scale     float32
	magnitude []float32
}

// load reads both matrices. They are small: a rank of 64 makes 66 MB of the
// largest, which is the vocabulary.
func (d *delta) load(ctx context.Context) (change, error) {
	p := thinProduct{rank: d.rank, scale: float32(d.scale)}
	var err error
	if p.a, err = d.from.load(ctx, d.a); err != nil {
		return nil, err
	}
	if p.b, err = d.from.load(ctx, d.b); err != nil {
		return nil, err
	}
	if d.embedding {
		a := p.a
		if p.a, err = transpose(ctx, p.b, d.rank); err != nil {
			return nil, err
		}
		if p.b, err = transpose(ctx, a, cols(d.a.shape)); err != nil {
			return nil, err
		}
	}
	if d.magnitude != nil {
		if p.magnitude, err = d.from.load(ctx, *d.magnitude); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// load reads a whole array.
func (l *lora) load(ctx context.Context, a array) ([]float32, error) {
	r, err := l.ck.open(a.name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	n := product(a.shape) // the file has that many, or the reader would have refused it
	values := make([]float32, n)
	raw := make([]byte, min(n, chunkElems)*a.typ.BlockBytes())
	in := infile.Checked(ctx, r)
	for at := 0; at < n; at += chunkElems {
		part := values[at:min(n, at+chunkElems)]
		raw = raw[:len(part)*a.typ.BlockBytes()]
		if _, err := io.ReadFull(in, raw); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", a.where, a.name, noEOF(err))
		}
		decode(part, raw, a.typ)
		if i := firstBeyond(part, limitOf(gguf.F32)); i >= 0 {
			return nil, fmt.Errorf("%s: %s: value %d is %v", a.where, a.name, at+i, part[i])
		}
	}
	return values, nil
}

// transpose turns rows of n values into columns.
func transpose(ctx context.Context, values []float32, n int) ([]float32, error) {
	turned := make([]float32, len(values))
	rows := len(values) / n
	for r := range rows {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		for c := range n {
			turned[c*rows+r] = values[r*n+c]
		}
	}
	return turned, nil
}

// apply adds the product, then gives each row its magnitude.
func (p thinProduct) apply(values []float32, first, n int) {
	sum := make([]float32, n)
	for r := range len(values) / n {
		clear(sum)
		for k := range p.rank {
			factor := p.b[(first+r)*p.rank+k]
			for c, v := range p.a[k*n : (k+1)*n] {
				sum[c] += factor * v
			}
		}
		row := values[r*n : (r+1)*n]
		for c, v := range sum {
			row[c] += p.scale * v
		}
		if p.magnitude != nil {
			stretch(row, p.magnitude[first+r])
		}
	}
}

// stretch gives a row another length: DoRA (arXiv:2402.09353), equation 5.
func stretch(row []float32, length float32) {
	var squares float64
	for _, v := range row {
		squares += float64(v) * float64(v)
	}
	factor := length / float32(math.Sqrt(squares))
	for c := range row {
		row[c] *= factor
	}
}

// A biasDelta is the bias of an adapter's second matrix, which adds to the layer's.
type biasDelta struct {
	from  *lora
	a     array
	scale float64
}

func (d *biasDelta) load(ctx context.Context) (change, error) {
	values, err := d.from.load(ctx, d.a)
	return thinProduct{a: values, b: []float32{1}, rank: 1, scale: float32(d.scale)}, err
}

// tokenRows are rows of single tokens that replace the embedding's.
type tokenRows struct {
	from *lora
	a    array
	ids  []int // of the rows of a
}

func (t *tokenRows) load(ctx context.Context) (change, error) {
	values, err := t.from.load(ctx, t.a)
	return rowsByID{values, t.ids}, err
}

type rowsByID struct {
	values []float32
	ids    []int
}

func (t rowsByID) apply(values []float32, first, n int) {
	for i, id := range t.ids {
		if at := (id - first) * n; at >= 0 && at < len(values) {
			copy(values[at:at+n], t.values[i*n:])
		}
	}
}
