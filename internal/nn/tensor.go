package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// A Tensor is a node of a graph or an entry of a store. The zero Tensor stands for an
// operand that is left out.
type Tensor struct {
	t    bindings.Tensor
	typ  gguf.Type
	ne   [4]int // shape, fastest axis first
	nb   [4]int // bytes from an element (or block) to the next on each axis
	home *arena

	base     bindings.Tensor // the node whose memory holds the data; zero in a store
	readOnly bool            // the data lies in a mapped store
	repacked bool            // the data has a layout of ggml's that only MulMat reads

	packed   *kernels.Matrix // the data in the layout of package kernels, if not nil: t has none then
	producer any             // the *linearNode or *normNode that gives x; see join.go
}

// lost stands for the result of an operation on a graph that has an error. It is not
// valid, and its axes are 1 long: models go on describing, and divide by lengths.
var lost = Tensor{ne: [4]int{1, 1, 1, 1}}

// address returns where the data lies once the graph is compiled; 0 for the
// zero Tensor.
func (x Tensor) address() uintptr { return x.t.Address() }

// Valid reports whether x is a node or an entry: neither the zero Tensor nor the
// result of a failed operation.
func (x Tensor) Valid() bool { return x.t.Valid() }

// Dim returns the length of axis i, 0 <= i < 4; axes past the last are 1 long.
func (x Tensor) Dim(i int) int { return x.ne[i] }

// Shape returns the lengths of the axes, without trailing axes of length 1.
func (x Tensor) Shape() []int {
	n := 4
	for n > 1 && x.ne[n-1] == 1 {
		n--
	}
	return slices.Clone(x.ne[:n])
}

// Len returns the number of elements.
func (x Tensor) Len() int { return x.ne[0] * x.ne[1] * x.ne[2] * x.ne[3] }

// Bytes returns the distance from the first byte of the data to the end of the
// last element.
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

// String describes x for error messages: f32 [2048 264].
func (x Tensor) String() string { return fmt.Sprintf("%v %v", x.typ, x.Shape()) }

// rowsContiguous reports whether the elements of each row lie side by side.
func (x Tensor) rowsContiguous() bool { return x.nb[0] == x.typ.BlockBytes() }

// rowsOverlap reports whether the step between rows is shorter than a row. That
// takes an axis 1 of length 1 that Permute moved there; fast products of ggml end
// the process at it.
func (x Tensor) rowsOverlap() bool { return x.nb[1] < x.typ.RowBytes(x.ne[0]) }

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

// rowsEven reports whether all rows lie in order at one distance, nb[1]. Loops
// of ggml that count rows through all axes need it. ggml's own rule
// ("contiguous_1") also wants them side by side when axis 1 is 1 long.
func (x Tensor) rowsEven() bool {
	next := x.nb[1]
	for i := 2; i < 4; i++ {
		next *= x.ne[i-1]
		if x.ne[i] != 1 && (x.nb[i] != next || x.ne[1] == 1 && x.nb[1] != x.typ.RowBytes(x.ne[0])) {
			return false
		}
	}
	return x.rowsContiguous()
}

// padded1D reports whether axes 2 and 3 follow axis 1 without gaps, even where
// they are 1 long. The name is ggml's.
func (x Tensor) padded1D() bool {
	return x.nb[2] == x.nb[1]*x.ne[1] && x.nb[3] == x.nb[2]*x.ne[2]
}

// strides returns the strides of a contiguous tensor, in bytes.
func strides(t gguf.Type, ne [4]int) [4]int {
	nb := [4]int{t.BlockBytes(), t.RowBytes(ne[0])}
	nb[2] = nb[1] * ne[1]
	nb[3] = nb[2] * ne[2]
	return nb
}

const (
	maxElements = 1 << 48       // keeps every byte count, ours and ggml's, within an int64
	maxAxis     = math.MaxInt32 // ggml counts along an axis in an int
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

// native returns a shape as ggml takes it.
func native(ne [4]int) [4]int64 {
	return [4]int64{int64(ne[0]), int64(ne[1]), int64(ne[2]), int64(ne[3])}
}
