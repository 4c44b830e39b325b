package nn

import (
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// Nodes that package kernels computes, on backends of NewKernelBackend. To ggml
// they are custom operations.

// A kernelNode is a node that package kernels computes. op describes the
// computation; it is called once the graph, and so every operand, has memory.
type kernelNode struct {
	node *kernels.Node
	dst  Tensor
	op   func() kernels.Op
}

// kernel appends a node of type f32 and shape ne that reads operands, which the
// caller has passed to begin. op describes the computation that writes dst.
func (g *Graph) kernel(name string, ne [4]int, op func(dst Tensor) kernels.Op, operands ...Tensor) Tensor {
	node := g.backend.pool.NewNode()
	args := make([]bindings.Tensor, len(operands))
	for i, x := range operands {
		args[i] = x.t
	}
	call := bindings.CustomFromC(kernels.Callback(), node.UserData())
	dst := g.wrap(name, g.home.ctx.Custom(call, gguf.F32, native(ne), 1, args...), gguf.F32, ne)
	g.kernels = append(g.kernels, kernelNode{node, dst, func() kernels.Op { return op(dst) }})
	return dst
}

// Uniform makes a column's result the same to the bit however many columns a
// product of packed weights has. It is called before the first operation. Products of
// many columns then take longer.
func (g *Graph) Uniform() { g.uniform = true }

// bind tells the kernels where their operands lie, and drops the kernels whose
// results nothing reads.
func (g *Graph) bind() error {
	g.kernels = slices.DeleteFunc(g.kernels, func(k kernelNode) bool {
		unread := !k.dst.t.Placed()
		if unread {
			k.node.Free()
		}
		return unread
	})
	ops, size := make([]kernels.Op, len(g.kernels)), 0
	for i, k := range g.kernels {
		ops[i] = k.op()
		size = max(size, ops[i].Scratch())
	}
	var err error
	if size > 0 {
		if g.scratch, err = kernels.Alloc(size); err != nil {
			return err
		}
	}
	for i, k := range g.kernels {
		k.node.Set(ops[i], g.scratch)
	}
	return nil
}

// unbind frees the kernels' memory.
func (g *Graph) unbind() {
	for _, k := range g.kernels {
		k.node.Free()
	}
	g.scratch.Free()
}

// ReadsRows reports whether kernels multiply the rows of weights w [k, m] in
// ggml's layout, as Runs and RunProducts need.
func (b *Backend) ReadsRows(w Tensor) bool {
	return b.pool != nil && w.readOnly && w.ne[2]*w.ne[3] == 1 && kernels.RowsSupported(w.typ, w.ne[0])
}

// maxRowColumns is the most columns that kernels multiply rows in ggml's layout by.
const maxRowColumns = 64

// kernelRows multiplies weights w [k, m] in ggml's layout by columns x [k, n], each
// as if it were alone: [m, n].
func (g *Graph) kernelRows(w, x Tensor) Tensor {
	return g.kernel(opMulMat, [4]int{w.ne[1], x.ne[1], 1, 1}, func(dst Tensor) kernels.Op {
		rows := g.rows(w, x)
		rows.Y, rows.YStride = dst.address(), dst.nb[1]/4
		return rows
	}, w, x) // [m, n]
}

// rows describes the product of all rows of w and x [k, n]; the caller adds where the
// result goes.
func (g *Graph) rows(w, x Tensor) *kernels.Rows {
	return &kernels.Rows{Type: w.typ, K: w.ne[0], Last: w.ne[1], Data: w.address(), RowBytes: w.nb[1],
		N: x.ne[1], X: x.address(), XStride: x.nb[1] / 4, Precise: g.backend.Precise,
		Threads: g.backend.pool.Threads(), Level: g.backend.level}
}

// kernelSum is a + b, both contiguous and of the result's shape.
func (g *Graph) kernelSum(a, b Tensor) Tensor {
	if g.joins() {
		if y := g.joinSum(b, a); y.Valid() {
			return y
		}
		if y := g.joinSum(a, b); y.Valid() {
			return y
		}
	}
	if !g.f32Rows(opAdd, a, b) {
		return lost
	}
	return g.kernel(opAdd, a.ne, func(dst Tensor) kernels.Op {
		return &kernels.Sum{Len: a.Len(), A: a.address(), B: b.address(), Out: dst.address(), Level: g.backend.level}
	}, a, b)
}

// kernelRoPE is RoPE by package kernels; RoPE has checked the operands.
func (g *Graph) kernelRoPE(a, pos Tensor, base float32) Tensor {
	e, h, n := a.ne[0], a.ne[1], a.ne[2]
	return g.kernel(opRoPE, a.ne, func(dst Tensor) kernels.Op {
		return &kernels.RoPE{HeadDim: e, Heads: h, Tokens: n, X: a.address(), XHead: a.nb[1] / 4, XToken: a.nb[2] / 4,
			Positions: pos.address(), Base: base,
			Out: dst.address(), OutHead: e, OutToken: e * h, Level: g.backend.level}
	}, a, pos) // [e, h, n]
}

// kernelPatches is Patches by package kernels; Patches has checked the operand.
func (g *Graph) kernelPatches(image Tensor, p int) Tensor {
	w, h, c := image.ne[0], image.ne[1], image.ne[2]
	size, n := p*p*c, w/p*(h/p)
	return g.kernel(opPatches, [4]int{size, n, 1, 1}, func(dst Tensor) kernels.Op {
		return &kernels.Unfold{W: w, H: h, Channels: c, Side: p, Image: image.address(), Out: dst.address(), Step: size}
	}, image) // [p*p*c, w/p*h/p]
}
