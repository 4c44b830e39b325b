package convert

import (
	"cmp"
	"fmt"
	"math"

	"github.com/pgcli/paligemma/gguf"
)

// A chunk is some rows of one tensor on their way from source to output.
type chunk struct {
	t        *tensor
	first, n int       // rows of the output
	elems    int       // of the output: rows of the padded width
	raw      []byte    // stored values: these rows, or the slice they are gathered from; nil for rows of padding
	slab     *slab     // holds raw, when several chunks share it
	changes  []change  // of the values
	after    *boundary // that is passed once the chunks before are written; nil for none

	out   []byte        // in the output's type; may be raw itself
	ready chan struct{} // receives once out or err is set
	err   error

	rawBuffer, outBuffer []byte // owned by the chunk, for its next use
}

// A rowConverter turns stored rows into rows of the output. Each goroutine has
// its own.
type rowConverter struct {
	ggml   *engine // nil if no type needs one
	values []float32
}

// convert sets c.out.
func (w *rowConverter) convert(c *chunk) error {
	t := c.t
	raw := c.arrange()
	width, inner := cols(t.shape), cols(t.inner)
	if t.from.typ == t.typ && t.role != rmsNorm && width == inner && len(c.changes) == 0 && raw != nil {
		c.out = raw
		if t.typ.Quantized() {
			return w.ggml.check(t, c.out)
		}
		return reject(c, gguf.FirstNotFinite(raw, t.typ), "is not finite")
	}
	c.outBuffer = grow(c.outBuffer, int(t.bytes(c.elems)))
	c.out = c.outBuffer
	if err := w.decode(c, raw, width, inner); err != nil {
		return err
	}
	values := w.values[:c.elems]
	if t.typ.Quantized() { // ggml checks the values, and the scales that come out
		if err := w.ggml.quantize(t.typ, c.out, values, t.rowLen()); err != nil {
			return cmp.Or(unfit(c, values), err)
		}
		return nil
	}
	if firstBeyond(values, limitOf(t.typ)) >= 0 {
		return unfit(c, values)
	}
	encode(c.out, values, t.typ)
	return nil
}

// unfit returns an error about a value that its type cannot hold: the first that
// is not finite, or else the largest; nil if even the largest is small.
func unfit(c *chunk, values []float32) error {
	if i := firstBeyond(values, limitOf(gguf.F32)); i >= 0 {
		return reject(c, i, "is not finite")
	}
	largest := 0
	for i, v := range values {
		if math.Abs(float64(v)) > math.Abs(float64(values[largest])) {
			largest = i
		}
	}
	if firstBeyond(values[largest:largest+1], limitOf(gguf.F16)) < 0 {
		return nil
	}
	return reject(c, largest, fmt.Sprintf("is %v, too large for %v; give this tensor the type bf16 or f32", values[largest], c.t.typ))
}

// arrange returns the stored values of the chunk's rows, one row after another.
func (c *chunk) arrange() []byte {
	if c.raw == nil || c.t.place.stored() {
		return c.raw
	}
	size := c.t.from.typ.BlockBytes()
	c.rawBuffer = grow(c.rawBuffer, c.n*cols(c.t.inner)*size)
	gather(c.rawBuffer, c.raw, c.t.place.rows[c.first:c.first+c.n], c.t.place.cols, size)
	return c.rawBuffer
}

// decode fills w.values with the chunk's rows, of inner values each, and width
// with the padding.
func (w *rowConverter) decode(c *chunk, raw []byte, width, inner int) error {
	w.values = grow(w.values, c.elems)
	values := w.values
	if raw == nil {
		clear(values)
		return nil
	}
	t := c.t
	stored := values
	if width != inner { // decode to the end, then move rows to the front one by one
		stored = values[c.elems-c.n*inner:]
	}
	if t.from.typ.Quantized() {
		if err := w.ggml.dequantize(stored, raw, t.from.typ, t.rowLen()); err != nil {
			return err
		}
	} else {
		decode(stored, raw, t.from.typ)
	}
	if t.role == rmsNorm {
		for i := range stored {
			stored[i]++
		}
	}
	for _, d := range c.changes {
		d.apply(stored, c.first, inner)
	}
	if width != inner {
		for r := range c.n {
			row := values[r*width : (r+1)*width]
			copy(row, stored[r*inner:(r+1)*inner])
			clear(row[inner:])
		}
	}
	return nil
}

// reject makes an error of the value at index i of a chunk, unless i is negative.
func reject(c *chunk, i int, problem string) error {
	if i < 0 {
		return nil
	}
	width := cols(c.t.shape)
	return fmt.Errorf("%s: row %d, column %d %s (from %s, %s)", c.t.name, c.first+i/width, i%width, problem, c.t.from.name, c.t.from.where)
}

// grow returns s with n elements of any value.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
