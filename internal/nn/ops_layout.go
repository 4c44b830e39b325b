package nn

import (
	"slices"

	"github.com/pgcli/paligemma/gguf"
)

// Operations that move, select or reinterpret data. "shape" stands for any
// shape, fastest axis first.

// Reshape views contiguous a as shape, which has as many elements.
func (g *Graph) Reshape(a Tensor, shape ...int) Tensor {
	const op = "reshape"
	if !g.begin(op, a) {
		return lost
	}
	ne, err := shape4(a.typ, shape)
	switch {
	case err != nil:
		return g.fail(op, "%w", err)
	case !a.Contiguous():
		return g.fail(op, "%v is not contiguous", a)
	case ne[0]*ne[1]*ne[2]*ne[3] != a.Len():
		return g.fail(op, "%v to %v: %d elements to %d", a, shape, a.Len(), ne[0]*ne[1]*ne[2]*ne[3])
	}
	return g.view(op, g.home.ctx.Reshape(a.t, native(ne)), a, ne, strides(a.typ, ne))
}

// View is the part of a of the given shape that starts at the indices at, one
// for each axis of shape. It keeps the strides of a, whose rows must be
// contiguous.
func (g *Graph) View(a Tensor, at []int, shape ...int) Tensor {
	const op = "view"
	if !g.begin(op, a) {
		return lost
	}
	ne, err := shape4(a.typ, shape)
	if err != nil || len(at) != len(shape) {
		return g.fail(op, "%v from %v over %v: want one start for each of 1 to 4 axes", a, at, shape)
	}
	offset := 0
	for i, start := range at {
		if start < 0 || ne[i] > a.ne[i] || start > a.ne[i]-ne[i] {
			return g.fail(op, "%v from %v over %v: outside on axis %d", a, at, shape, i)
		}
		if i == 0 && start%a.typ.BlockSize() != 0 {
			return g.fail(op, "%v from %v: start inside a block of %d", a, at, a.typ.BlockSize())
		}
		if i == 0 {
			start /= a.typ.BlockSize()
		}
		offset += start * a.nb[i]
	}
	if a.nb[0] != a.typ.BlockBytes() {
		return g.fail(op, "%v: rows are not contiguous", a)
	}
	t := g.home.ctx.View(a.t, native(ne), a.nb[1], a.nb[2], a.nb[3], offset)
	return g.view(op, t, a, ne, a.nb)
}

// Permute makes axis i of a axis axes[i] of the result, without moving data:
// the result's axis axes[i] is as long as axis i of a. There are four axes.
func (g *Graph) Permute(a Tensor, axes ...int) Tensor {
	const op = "permute"
	if !g.begin(op, a) {
		return lost
	}
	sorted := slices.Sorted(slices.Values(axes))
	if !slices.Equal(sorted, []int{0, 1, 2, 3}) {
		return g.fail(op, "axes %v, want an order of 0 1 2 3", axes)
	}
	if a.typ.Quantized() && axes[0] != 0 {
		return g.fail(op, "%v: blocks cannot leave their row", a)
	}
	if slices.Max(a.nb[:]) > maxAxis {
		return g.fail(op, "%v has steps of over %d bytes, more than ggml can move", a, maxAxis)
	}
	var ne, nb [4]int
	var to [4]int32
	for i, axis := range axes {
		ne[axis], nb[axis], to[i] = a.ne[i], a.nb[i], int32(axis)
	}
	return g.view(op, g.home.ctx.Permute(a.t, to), a, ne, nb)
}

// Transpose swaps axes 0 and 1, without moving data: a [k, m, ...] to [m, k, ...].
func (g *Graph) Transpose(a Tensor) Tensor { return g.Permute(a, 1, 0, 2, 3) }

// moves reports whether ggml can copy single elements of type t.
func moves(t gguf.Type) bool {
	return t == gguf.F32 || t == gguf.F16 || t == gguf.BF16 || t == gguf.I32
}

// floats reports whether t is a plain floating-point type.
func floats(t gguf.Type) bool { return moves(t) && t != gguf.I32 }

// Cont copies a, of f32, f16, bf16 or i32, so that its elements lie side by
// side. The shape stays.
func (g *Graph) Cont(a Tensor) Tensor {
	const op = "cont"
	if !g.begin(op, a) {
		return lost
	}
	if !moves(a.typ) {
		return g.fail(op, "%v: want f32, f16, bf16 or i32", a)
	}
	return g.node(op, g.home.ctx.Cont(a.t), a.typ, a.ne)
}

// Cast converts a to type t: between f32, f16 and bf16, or from a quantized
// type to f32. The shape stays.
func (g *Graph) Cast(a Tensor, t gguf.Type) Tensor {
	const op = "cast"
	if !g.begin(op, a) {
		return lost
	}
	if !(floats(a.typ) && floats(t)) && !(a.typ.Quantized() && t == gguf.F32) {
		return g.fail(op, "%v to %v: want f32, f16 or bf16, or a quantized type to f32", a, t)
	}
	return g.node(op, g.home.ctx.Cast(a.t, t), t, a.ne)
}

// Copy writes a over b of the same shape, converting between f32, f16 and bf16,
// and returns b. b must not lie in a mapped store. Pass the result to Run when
// only the effect on b matters.
func (g *Graph) Copy(a, b Tensor) Tensor {
	const op = "copy"
	if !g.begin(op, a, b) {
		return lost
	}
	if a.ne != b.ne || !floats(a.typ) || !floats(b.typ) {
		return g.fail(op, "%v to %v: want one shape, of f32, f16 or bf16", a, b)
	}
	if b.readOnly {
		return g.fail(op, "%v lies in a mapped store, which is read only", b)
	}
	g.takes(b, 1)
	return g.view(op, g.home.ctx.Copy(a.t, b.t), b, b.ne, b.nb)
}

// Concat appends b to a along axis dim, from 0 to 3, where the lengths add up.
// The other axes are equally long. Both have one type of f32, f16, bf16 or i32.
func (g *Graph) Concat(a, b Tensor, dim int) Tensor {
	const op = "concat"
	if !g.begin(op, a, b) {
		return lost
	}
	if dim < 0 || dim > 3 || a.typ != b.typ || !moves(a.typ) {
		return g.fail(op, "%v and %v along axis %d: want one type of f32, f16, bf16 or i32, an axis from 0 to 3", a, b, dim)
	}
	ne := a.ne
	for i := range ne {
		if i != dim && a.ne[i] != b.ne[i] {
			return g.fail(op, "%v and %v differ on axis %d", a, b, i)
		}
	}
	ne[dim] += b.ne[dim]
	return g.node(op, g.home.ctx.Concat(a.t, b.t, dim), a.typ, ne)
}

// indexes notes that the values of the input rows select among n rows. Set checks
// them, since ggml ends the process at a wrong one.
func (g *Graph) indexes(op string, rows Tensor, n int) bool {
	in, ok := g.inputs[rows.t]
	if !ok {
		g.fail(op, "rows %v are not an input of this graph, so they cannot be checked", rows)
		return false
	}
	if in.rows == 0 || n < in.rows {
		in.rows = n
		g.inputs[rows.t] = in
	}
	return true
}

// GetRows selects rows of a matrix: a [d, m] of any float type and i32 rows [n],
// an input of the graph, give f32 [d, n].
func (g *Graph) GetRows(a, rows Tensor) Tensor {
	const op = "get_rows"
	if !g.begin(op, a, rows) {
		return lost
	}
	switch {
	case a.ne[2] != 1 || a.ne[3] != 1 || !a.rowsContiguous() || a.typ == gguf.I32 || a.typ == gguf.I64:
		return g.fail(op, "%v (rows contiguous: %t): want a matrix of floats with contiguous rows", a, a.rowsContiguous())
	case rows.typ != gguf.I32 || rows.ne[1] != 1 || rows.ne[2] != 1 || rows.ne[3] != 1:
		return g.fail(op, "rows %v, want i32 [n]", rows)
	case !g.indexes(op, rows, a.ne[1]):
		return lost
	}
	return g.node(op, g.home.ctx.GetRows(a.t, rows.t), gguf.F32, [4]int{a.ne[0], rows.ne[0], 1, 1}) // [d, n]
}

// SetRows writes row i of b over row rows[i] of a and returns a: a [d, m] of f32,
// f16 or bf16, b f32 [d, n] and i64 rows [n], an input of the graph. a must not
// lie in a mapped store.
func (g *Graph) SetRows(a, b, rows Tensor) Tensor {
	const op = "set_rows"
	if !g.begin(op, a, b, rows) {
		return lost
	}
	switch {
	case !floats(a.typ) || b.typ != gguf.F32 || !a.rowsContiguous() || !b.rowsContiguous():
		return g.fail(op, "%v over %v: want f32 over f32, f16 or bf16", b, a)
	case a.ne[0] != b.ne[0] || a.ne[2] != 1 || a.ne[3] != 1 || b.ne[2] != 1 || b.ne[3] != 1:
		return g.fail(op, "%v over %v: want matrices with rows of one length", b, a)
	case rows.typ != gguf.I64 || rows.ne != [4]int{b.ne[1], 1, 1, 1}:
		return g.fail(op, "rows %v, want i64 [%d]", rows, b.ne[1])
	case a.readOnly:
		return g.fail(op, "%v lies in a mapped store, which is read only", a)
	case !g.indexes(op, rows, a.ne[1]):
		return lost
	}
	g.takes(b, 1)
	return g.view(op, g.home.ctx.SetRows(a.t, b.t, rows.t), a, a.ne, a.nb)
}
