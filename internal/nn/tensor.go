package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// A Tensor is a node of a graph or an entry of a store. The zero Tensor is
// none; operations on it do nothing, as the error that made it is already
// kept by the graph.
type Tensor struct {
	t    bindings.Tensor
	typ  gguf.Type
	ne   [4]int // shape, fastest axis first
	nb   [4]int // bytes from an element (or block) to the next on each axis
	home *arena

	base  bindings.Tensor // whose memory of this graph x lies in; none for a store's
	fixed bool            // in a mapped store: reads only
	tiled bool            // in a layout that only MulMat reads

	packed *kernels.Matrix // in a layout that only our kernels read; t has no data then
	made   any             // the product or norm that x is the result of, to be joined
}

// address is where the data lies, once it has memory; 0 for the zero Tensor.
func (x Tensor) address() uintptr { return x.t.Address() }

// Valid reports whether x is a tensor at all.
func (x Tensor) Valid() bool { return x.t.Valid() }

// Type returns the element type.
func (x Tensor) Type() gguf.Type { return x.typ }

// Dim returns the length of axis i, 0 <= i < 4; axes past the last are 1.
func (x Tensor) Dim(i int) int { return x.ne[i] }

// Shape returns the lengths of the axes, trailing ones of length 1 left out.
func (x Tensor) Shape() []int {
	n := 4
	for n > 1 && x.ne[n-1] == 1 {
		n--
	}
	return slices.Clone(x.ne[:n])
}

// Len returns the number of elements.
func (x Tensor) Len() int { return x.ne[0] * x.ne[1] * x.ne[2] * x.ne[3] }

// Bytes returns the size of the data, from its first byte to its last.
func (x Tensor) Bytes() int {
	n := x.typ.RowBytes(x.ne[0])
	if !x.typ.Quantized() {
		n = x.typ.BlockBytes() + (x.ne[0]-1)*x.nb[0]
	}
	for i := 1; i < 4; i++ {
		n += (x.ne[i] - 1) * x.nb[i]
	}
	return n
}

// String describes x as in error messages: f32 [2048 264].
func (x Tensor) String() string { return fmt.Sprintf("%v %v", x.typ, x.Shape()) }

// rowsContiguous reports whether the elements of each row lie side by side.
func (x Tensor) rowsContiguous() bool { return x.nb[0] == x.typ.BlockBytes() }

// Contiguous reports whether all elements lie side by side, in order.
func (x Tensor) Contiguous() bool {
	want := strides(x.typ, x.ne)
	for i, n := range x.ne {
		if n != 1 && x.nb[i] != want[i] {
			return false
		}
	}
	return true
}

// rowsPacked reports whether all rows lie at one distance, nb[1], in order, as
// kernels need that count rows through all axes. ggml's own rule
// ("contiguous_1") also wants them side by side when axis 1 is of length 1.
func (x Tensor) rowsPacked() bool {
	next := x.nb[1]
	for i := 2; i < 4; i++ {
		next *= x.ne[i-1]
		if x.ne[i] != 1 && (x.nb[i] != next || x.ne[1] == 1 && x.nb[1] != x.typ.RowBytes(x.ne[0])) {
			return false
		}
	}
	return x.rowsContiguous()
}

// plain reports whether axes 2 and 3 follow axis 1 without gaps, even where
// they are of length 1 ("padded_1d" in ggml).
func (x Tensor) plain() bool {
	return x.nb[2] == x.nb[1]*x.ne[1] && x.nb[3] == x.nb[2]*x.ne[2]
}

// strides are those of a contiguous tensor.
func strides(t gguf.Type, ne [4]int) [4]int {
	nb := [4]int{t.BlockBytes(), t.RowBytes(ne[0])}
	nb[2] = nb[1] * ne[1]
	nb[3] = nb[2] * ne[2]
	return nb
}

// maxElements keeps every byte count within an int64, and ggml's own products
// with it. maxAxis is what ggml counts along an axis in an int.
const (
	maxElements = 1 << 48
	maxAxis     = math.MaxInt32
)

// shape4 checks a shape and pads it with ones.
func shape4(t gguf.Type, shape []int) ([4]int, error) {
	ne := [4]int{1, 1, 1, 1}
	switch {
	case !bindings.Known(t):
		return ne, fmt.Errorf("type %v is not supported", t)
	case len(shape) < 1 || len(shape) > 4:
		return ne, fmt.Errorf("shape %v has %d axes, want 1 to 4", shape, len(shape))
	case shape[0]%t.BlockSize() != 0:
		return ne, fmt.Errorf("shape %v: rows of %v must be a multiple of %d long", shape, t, t.BlockSize())
	}
	n := 1
	for i, d := range shape {
		if d < 1 || d > maxAxis || d > maxElements/n {
			return ne, fmt.Errorf("shape %v: axis %d is %d, want 1 to %d and at most %d elements in all",
				shape, i, d, maxAxis, maxElements)
		}
		ne[i] = d
		n *= d
	}
	return ne, nil
}

// native is a shape as ggml takes it.
func native(ne [4]int) [4]int64 {
	return [4]int64{int64(ne[0]), int64(ne[1]), int64(ne[2]), int64(ne[3])}
}
