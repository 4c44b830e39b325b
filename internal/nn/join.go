package nn

import (
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// Kernels that do the work of two nodes. A model's code names its steps one by
// one; here a norm before a product and a sum after it become parts of it, and
// two products an MLP. A node that is taken in stays, and is computed only if
// something else reads it. What it reads is still there for the joined node:
// operands of these kernels are inputs, weights and results, which nothing
// writes to once they are there.

// joins reports whether nodes are joined: not where all of them are looked at.
func (g *Graph) joins() bool { return g.trace == nil }

// A linearNode is the product of packed weights and x, which is normed first,
// with biases: outputs side by side, or one if the epilogue joins them; then
// residual is added.
type linearNode struct {
	epilogue kernels.Epilogue
	x        Tensor      // [in, n]
	up       *linearNode // whose result x is, to be computed here; or nil
	norm     *normNode   // nil for none
	layers   []Linear
	residual Tensor // of the result's shape, or none
}

// A normNode norms the columns of x, about their mean if centered, times w
// plus b; then residual is added.
type normNode struct {
	x        Tensor // [d, n]
	w, b     Tensor // [d]; b may be none
	eps      float32
	centered bool
	residual Tensor // [d, n], or none
}

// some leaves out operands that are none.
func some(operands ...Tensor) (there []Tensor) {
	for _, x := range operands {
		if x.home != nil {
			there = append(there, x)
		}
	}
	return there
}

// linear is a product without a residual: [out..., n].
func (g *Graph) linear(epilogue kernels.Epilogue, x Tensor, layers ...Linear) Tensor {
	const name = "linear"
	if !g.f32Rows(name, x) {
		return Tensor{}
	}
	for _, l := range layers {
		w := l.W
		switch {
		case w.ne[0] != x.ne[0] || x.ne[2] != 1 || x.ne[3] != 1:
			return g.fail(name, "%v by %v: rows of %d and %d", w, x, w.ne[0], x.ne[0])
		case l.B.home != nil && (l.B.typ != gguf.F32 || l.B.ne != [4]int{w.ne[1], 1, 1, 1}):
			return g.fail(name, "bias %v of weights %v", l.B, w)
		}
		if err := g.use(w); err != nil {
			return g.fail(name, "weights: %w", err)
		}
	}
	n := linearNode{epilogue: epilogue, x: x, layers: layers}
	if g.joins() {
		n.takeIn(x)
	}
	return g.appendLinear(n)
}

// takeIn makes the node that x is of a part of n, if it can be.
func (n *linearNode) takeIn(x Tensor) {
	switch made := x.made.(type) {
	case *normNode:
		if made.residual.home == nil {
			n.x, n.norm = made.x, made
		}
	case *linearNode: // an MLP; of SigLIP's, whose rows are short, rounding apart is faster
		if made.epilogue == kernels.GeGLU && made.residual.home == nil && made.up == nil && len(n.layers) == 1 {
			n.up = made
		}
	}
}

// appendLinear appends n, whose operands are checked.
func (g *Graph) appendLinear(n linearNode) Tensor {
	y := g.kernel("linear", [4]int{n.rows(), n.x.ne[1], 1, 1}, func(dst Tensor) kernels.Op {
		op := n.kernel(g.backend, dst.address())
		if n.up != nil {
			return &kernels.MLP{Up: *n.up.kernel(g.backend, 0), Down: *op}
		}
		return op
	}, n.operands()...)
	y.made = &n
	return y
}

// operands are what n reads, packed weights aside.
func (n *linearNode) operands() []Tensor {
	all := some(n.x)
	if n.up != nil {
		all = n.up.operands()
	}
	if n.norm != nil {
		all = append(all, some(n.norm.w, n.norm.b)...)
	}
	for _, l := range n.layers {
		all = append(all, some(l.B)...)
	}
	return append(all, some(n.residual)...)
}

// rows is the length of a column of the result.
func (n *linearNode) rows() (rows int) {
	if n.epilogue == kernels.GeGLU {
		return n.layers[0].W.ne[1]
	}
	for _, l := range n.layers {
		rows += l.W.ne[1]
	}
	return rows
}

// kernel describes the product whose result is at an address.
func (n *linearNode) kernel(b *Backend, at uintptr) *kernels.Linear {
	op := &kernels.Linear{X: n.x.address(), N: n.x.ne[1], Stride: n.x.nb[1] / 4, Epilogue: n.epilogue,
		Residual: n.residual.address(), ResidualStride: n.residual.nb[1] / 4,
		Precise: b.Precise, Level: b.level, Threads: b.pool.Threads()}
	if n.norm != nil {
		op.Norm = n.norm.kernel()
	}
	for _, l := range n.layers {
		op.Out = append(op.Out, kernels.Output{W: *l.W.packed, Bias: l.B.address(), Y: at, Stride: n.rows()})
		if n.epilogue != kernels.GeGLU && at != 0 {
			at += uintptr(4 * l.W.ne[1])
		}
	}
	return op
}

// kernelNorm is a norm without a residual.
func (g *Graph) kernelNorm(x, w, b Tensor, eps float32, centered bool) Tensor {
	const name = "norm"
	if !g.f32Rows(name, some(x, w, b)...) {
		return Tensor{}
	}
	column := [4]int{x.ne[0], 1, 1, 1}
	switch {
	case !finite(eps) || eps < 0:
		return g.fail(name, "epsilon is %v, want 0 or more", eps)
	case w.ne != column || b.home != nil && b.ne != column || x.ne[2]*x.ne[3] != 1:
		return g.fail(name, "%v by %v: want a matrix and as many weights as it has rows", x, w)
	}
	return g.appendNorm(normNode{x: x, w: w, b: b, eps: eps, centered: centered})
}

// appendNorm appends n, whose operands are checked.
func (g *Graph) appendNorm(n normNode) Tensor {
	y := g.kernel("norm", n.x.ne, func(dst Tensor) kernels.Op {
		op := n.kernel()
		op.Size, op.Columns, op.X, op.XStep = n.x.ne[0], n.x.ne[1], n.x.address(), n.x.nb[1]/4
		op.Residual, op.ResidualStep = n.residual.address(), n.residual.nb[1]/4
		op.Out, op.OutStep, op.Level = dst.address(), dst.nb[1]/4, g.backend.level
		return op
	}, some(n.x, n.w, n.b, n.residual)...)
	y.made = &n
	return y
}

// kernel describes what a norm does to a column.
func (n *normNode) kernel() *kernels.Norm {
	return &kernels.Norm{W: n.w.address(), B: n.b.address(), Centered: n.centered, Eps: n.eps}
}

// plus is y + x, computed by the node that makes y; no tensor if that cannot.
func (g *Graph) plus(y, x Tensor) Tensor {
	switch made := y.made.(type) {
	case *linearNode:
		one := len(made.layers) == 1 || made.epilogue == kernels.GeGLU
		if one && made.residual.home == nil && g.begin("add", y, x) {
			n := *made
			n.residual = x
			return g.appendLinear(n)
		}
	case *normNode:
		if made.residual.home == nil && g.begin("add", y, x) {
			n := *made
			n.residual = x
			return g.appendNorm(n)
		}
	}
	return Tensor{}
}
