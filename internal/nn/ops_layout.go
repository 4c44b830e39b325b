package nn

import (
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// Operations that move, select or reinterpret data.

// Reshape views contiguous a in another shape of as many elements.
func (g *Graph) Reshape(a Tensor, shape ...int) Tensor {
	if !g.begin("reshape", a) {
		return Tensor{}
	}
	ne, err := shape4(a.typ, shape)
	switch {
	case err != nil:
		return g.fail("reshape", "%w", err)
	case !a.Contiguous():
		return g.fail("reshape", "%v is not contiguous", a)
	case ne[0]*ne[1]*ne[2]*ne[3] != a.Len():
		return g.fail("reshape", "%v to %v: %d elements to %d", a, shape, a.Len(), ne[0]*ne[1]*ne[2]*ne[3])
	}
	return g.view("reshape", g.home.ctx.Reshape(a.t, native(ne)), a, ne, strides(a.typ, ne))
}

// View is the part of a that starts at index at and extends over shape, with
// a's own strides: at has one index per axis of shape.
func (g *Graph) View(a Tensor, at []int, shape ...int) Tensor {
	if !g.begin("view", a) {
		return Tensor{}
	}
	ne, err := shape4(a.typ, shape)
	if err != nil || len(at) != len(shape) {
		return g.fail("view", "%v from %v over %v: want one start for each of 1 to 4 axes", a, at, shape)
	}
	offset := 0
	for i, start := range at {
		if start < 0 || ne[i] > a.ne[i] || start > a.ne[i]-ne[i] {
			return g.fail("view", "%v from %v over %v: outside on axis %d", a, at, shape, i)
		}
		if i == 0 && start%a.typ.BlockSize() != 0 {
			return g.fail("view", "%v from %v: start inside a block of %d", a, at, a.typ.BlockSize())
		}
		step := a.nb[i]
		if i == 0 {
			start /= a.typ.BlockSize()
		}
		offset += start * step
	}
	if a.nb[0] != a.typ.BlockBytes() {
		return g.fail("view", "%v: rows are not contiguous", a)
	}
	t := g.home.ctx.View(a.t, native(ne), a.nb[1], a.nb[2], a.nb[3], offset)
	return g.view("view", t, a, ne, a.nb)
}

// Permute moves axis i of a to axes[i], without moving data.
func (g *Graph) Permute(a Tensor, axes ...int) Tensor {
	if !g.begin("permute", a) {
		return Tensor{}
	}
	sorted := slices.Sorted(slices.Values(axes))
	if !slices.Equal(sorted, []int{0, 1, 2, 3}) {
		return g.fail("permute", "axes %v, want an order of 0 1 2 3", axes)
	}
	if a.typ.Quantized() && axes[0] != 0 {
		return g.fail("permute", "%v: blocks cannot leave their row", a)
	}
	if slices.Max(a.nb[:]) > maxAxis {
		return g.fail("permute", "%v has steps of over %d bytes, more than ggml can move", a, maxAxis)
	}
	var ne, nb [4]int
	var to [4]int32
	for i, axis := range axes {
		ne[axis], nb[axis], to[i] = a.ne[i], a.nb[i], int32(axis)
	}
	return g.view("permute", g.home.ctx.Permute(a.t, to), a, ne, nb)
}

// Transpose swaps axes 0 and 1, without moving data.
func (g *Graph) Transpose(a Tensor) Tensor { return g.Permute(a, 1, 0, 2, 3) }

// moves reports whether ggml copies elements of type t one by one.
func moves(t gguf.Type) bool {
	return t == gguf.F32 || t == gguf.F16 || t == gguf.BF16 || t == gguf.I32
}

// floats reports whether t is a plain floating-point type.
func floats(t gguf.Type) bool { return moves(t) && t != gguf.I32 }

// Cont copies a so that its elements lie side by side.
func (g *Graph) Cont(a Tensor) Tensor {
	if !g.begin("cont", a) {
		return Tensor{}
	}
	if !moves(a.typ) {
		return g.fail("cont", "%v: want f32, f16, bf16 or i32", a)
	}
	return g.node("cont", g.home.ctx.Cont(a.t), a.typ, a.ne)
}

// Cast converts between f32, f16 and bf16, or from a quantized type to f32.
func (g *Graph) Cast(a Tensor, t gguf.Type) Tensor {
	if !g.begin("cast", a) {
		return Tensor{}
	}
	if !(floats(a.typ) && floats(t)) && !(a.typ.Quantized() && t == gguf.F32) {
		return g.fail("cast", "%v to %v: want f32, f16 or bf16, or a quantized type to f32", a, t)
	}
	return g.node("cast", g.home.ctx.Cast(a.t, t), t, a.ne)
}

// Copy writes a over b, converting between f32, f16 and bf16, and returns b,
// which must not lie in a mapped store. Pass the result to Run when only the
// effect on b matters.
func (g *Graph) Copy(a, b Tensor) Tensor {
	if !g.begin("copy", a, b) {
		return Tensor{}
	}
	if a.ne != b.ne || !floats(a.typ) || !floats(b.typ) {
		return g.fail("copy", "%v to %v: want one shape, of f32, f16 or bf16", a, b)
	}
	if b.fixed {
		return g.fail("copy", "%v lies in a mapped store, which is read only", b)
	}
	return g.view("copy", g.home.ctx.Copy(a.t, b.t), b, b.ne, b.nb)
}

// Concat appends b to a along axis dim.
func (g *Graph) Concat(a, b Tensor, dim int) Tensor {
	if !g.begin("concat", a, b) {
		return Tensor{}
	}
	if dim < 0 || dim > 3 || a.typ != b.typ || !moves(a.typ) {
		return g.fail("concat", "%v and %v along axis %d: want one type of f32, f16, bf16 or i32, an axis from 0 to 3", a, b, dim)
	}
	ne := a.ne
	for i := range ne {
		if i != dim && a.ne[i] != b.ne[i] {
			return g.fail("concat", "%v and %v differ on axis %d", a, b, i)
		}
	}
	ne[dim] += b.ne[dim]
	return g.node("concat", g.home.ctx.Concat(a.t, b.t, dim), a.typ, ne)
}

// Repeat tiles a to shape, each axis a multiple of its own.
func (g *Graph) Repeat(a Tensor, shape ...int) Tensor {
	if !g.begin("repeat", a) {
		return Tensor{}
	}
	ne, err := shape4(a.typ, shape)
	switch {
	case err != nil:
		return g.fail("repeat", "%v: %w", a, err)
	case !moves(a.typ) || !a.rowsContiguous():
		return g.fail("repeat", "%v (rows contiguous: %t), want f32, f16, bf16 or i32 with contiguous rows", a, a.rowsContiguous())
	}
	for i := range ne {
		if ne[i]%a.ne[i] != 0 {
			return g.fail("repeat", "%v to %v: axis %d is no multiple", a, shape, i)
		}
	}
	return g.node("repeat", g.home.ctx.Repeat(a.t, native(ne)), a.typ, ne)
}

// Pad appends zeros to each axis of a: p[i] elements to axis i.
func (g *Graph) Pad(a Tensor, p ...int) Tensor {
	if !g.f32Rows("pad", a) {
		return Tensor{}
	}
	var to [4]int32
	ne := a.ne
	for i, n := range p {
		if i > 3 || n < 0 || n > maxAxis {
			return g.fail("pad", "%v by %v: want 0 or more for each of up to 4 axes", a, p)
		}
		to[i] = int32(n)
		ne[i] += n
	}
	return g.node("pad", g.home.ctx.Pad(a.t, to), gguf.F32, ne)
}

// index notes that the values of rows, an input, select among n rows, for Set
// to check: ggml ends the process at a wrong one.
func (g *Graph) index(op string, rows Tensor, n int) bool {
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

// GetRows selects rows of a matrix: a [d, m] and i32 rows [n] give f32 [d, n].
// rows must be an input of the graph.
func (g *Graph) GetRows(a, rows Tensor) Tensor {
	if !g.begin("get_rows", a, rows) {
		return Tensor{}
	}
	switch {
	case a.ne[2] != 1 || a.ne[3] != 1 || !a.rowsContiguous() || a.typ == gguf.I32 || a.typ == gguf.I64:
		return g.fail("get_rows", "%v (rows contiguous: %t): want a matrix of floats with contiguous rows", a, a.rowsContiguous())
	case rows.typ != gguf.I32 || rows.ne[1] != 1 || rows.ne[2] != 1 || rows.ne[3] != 1:
		return g.fail("get_rows", "rows %v, want i32 [n]", rows)
	case !g.index("get_rows", rows, a.ne[1]):
		return Tensor{}
	}
	return g.node("get_rows", g.home.ctx.GetRows(a.t, rows.t), gguf.F32, [4]int{a.ne[0], rows.ne[0], 1, 1})
}

// SetRows writes the rows of b over those of a: a [d, m], b f32 [d, n] and i64
// rows [n], an input of the graph. It returns a.
func (g *Graph) SetRows(a, b, rows Tensor) Tensor {
	if !g.begin("set_rows", a, b, rows) {
		return Tensor{}
	}
	switch {
	case !floats(a.typ) || b.typ != gguf.F32 || !a.rowsContiguous() || !b.rowsContiguous():
		return g.fail("set_rows", "%v over %v: want f32 over f32, f16 or bf16", b, a)
	case a.ne[0] != b.ne[0] || a.ne[2] != 1 || a.ne[3] != 1 || b.ne[2] != 1 || b.ne[3] != 1:
		return g.fail("set_rows", "%v over %v: want matrices with rows of one length", b, a)
	case rows.typ != gguf.I64 || rows.ne != [4]int{b.ne[1], 1, 1, 1}:
		return g.fail("set_rows", "rows %v, want i64 [%d]", rows, b.ne[1])
	case a.fixed:
		return g.fail("set_rows", "%v lies in a mapped store, which is read only", a)
	case !g.index("set_rows", rows, a.ne[1]):
		return Tensor{}
	}
	return g.view("set_rows", g.home.ctx.SetRows(a.t, b.t, rows.t), a, a.ne, a.nb)
}

// Custom adds an operation of our own on args, with a contiguous result.
func (g *Graph) Custom(op bindings.CustomOp, t gguf.Type, tasks int, shape []int, args ...Tensor) Tensor {
	const maxArgs = 9 // ggml keeps ten sources per node, one of them its own
	if !g.begin("custom", args...) {
		return Tensor{}
	}
	ne, err := shape4(t, shape)
	if err != nil || len(args) < 1 || len(args) > maxArgs || tasks == 0 || tasks < -1 {
		return g.fail("custom", "result %v %v of %d operands in %d tasks: want a shape, 1 to %d operands, 1 or more tasks or -1",
			t, shape, len(args), tasks, maxArgs)
	}
	native4 := make([]bindings.Tensor, len(args))
	for i, x := range args {
		native4[i] = x.t
	}
	return g.node("custom", g.home.ctx.Custom(op, t, native(ne), tasks, native4...), t, ne)
}
