package convert

import (
	"fmt"
	"io"

	"github.com/pgcli/paligemma/gguf"
)

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
}

// A thinProduct is a delta in memory: rank columns of b for each row, and rank
// rows of a.
type thinProduct struct {
	a, b  []float32
	rank  int
	scale float32
}

// load reads both matrices. They are small: a rank of 64 makes 66 MB of the
// largest, which is the vocabulary.
func (d *delta) load() (thinProduct, error) {
	p := thinProduct{rank: d.rank, scale: float32(d.scale)}
	var err error
	if p.a, err = d.from.load(d.a); err != nil {
		return p, err
	}
	if p.b, err = d.from.load(d.b); err != nil {
		return p, err
	}
	if d.embedding {
		p.a, p.b = transpose(p.b, d.rank), transpose(p.a, cols(d.a.shape))
	}
	return p, nil
}

// load reads a whole array.
func (l *lora) load(a array) ([]float32, error) {
	r, err := l.ck.open(a.name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	n := product(a.shape) // the file has that many, or the reader would have refused it
	raw := make([]byte, n*a.typ.BlockBytes())
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", a.where, a.name, noEOF(err))
	}
	values := make([]float32, n)
	decode(values, raw, a.typ)
	if i := firstBeyond(values, limitOf(gguf.F32)); i >= 0 {
		return nil, fmt.Errorf("%s: %s: value %d is %v", a.where, a.name, i, values[i])
	}
	return values, nil
}

// transpose turns rows of n values into columns.
func transpose(values []float32, n int) []float32 {
	turned := make([]float32, len(values))
	rows := len(values) / n
	for r := range rows {
		for c := range n {
			turned[c*rows+r] = values[r*n+c]
		}
	}
	return turned
}

// add adds the product to rows of n values, the first of which is row first.
func (p thinProduct) add(values []float32, first, n int) {
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
	}
}
