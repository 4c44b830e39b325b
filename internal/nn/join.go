package nn

import (
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// Kernels that do the work of several nodes (kernel fusion). The code of a model
// names its steps one by one. Here a norm before a product and a sum after it
// become parts of the product, and the two products of an MLP become one kernel.
// The node that became a part stays in the graph and is computed only if
// something else reads it. The joined node reads what its parts read: inputs,
// weights and results, none of which is written again during a computation.

// joins reports whether nodes are joined. They are not in a traced graph, where
// every tap needs its own tensor.
func (g *Graph) joins() bool { return g.trace == nil }

// A linearNode multiplies packed weights by x and adds biases. The outputs of
// several layers lie one after the other in a column, unless the epilogue
// combines them to one.
type linearNode struct {
	epilogue kernels.Epilogue
	uniform  bool        // see Graph.Uniform
	x        Tensor      // [in, n]
	up       *linearNode // if not nil, x is its result, which this node computes first
	norm     *normNode   // if not nil, x is normed with its weights first
	layers   []Linear
	residual Tensor // [rows, n], added to the result; may be the zero Tensor
}

// A normNode norms the columns of x, about their mean if centered, multiplies
// them by w and adds b.
type normNode struct {
	x        Tensor // [d, n]
	w, b     Tensor // [d]; b may be the zero Tensor
	eps      float32
	centered bool
	residual Tensor // [d, n], added to the result; may be the zero Tensor
}

// present returns those operands that are not the zero Tensor.
func present(operands ...Tensor) (there []Tensor) {
	for _, x := range operands {
		if x.home != nil {
			there = append(there, x)
		}
	}
	return there
}

// linear multiplies the packed weights of layers by x [in, n]: [rows, n], where
// rows is the sum of the layers' outputs, or one layer's outputs for GeGLU.
func (g *Graph) linear(epilogue kernels.Epilogue, x Tensor, layers ...Linear) Tensor {
	if !g.f32Rows(opLinear, x) {
		return lost
	}
	for _, l := range layers {
		w := l.W
		switch {
		case w.ne[0] != x.ne[0] || x.ne[2] != 1 || x.ne[3] != 1:
			return g.fail(opLinear, "%v by %v: rows of %d and %d", w, x, w.ne[0], x.ne[0])
		case l.B.home != nil && (l.B.typ != gguf.F32 || l.B.ne != [4]int{w.ne[1], 1, 1, 1}):
			return g.fail(opLinear, "bias %v of weights %v", l.B, w)
		}
		if err := g.use(w); err != nil {
			return g.fail(opLinear, "weights: %w", err)
		}
	}
	n := linearNode{epilogue: epilogue, uniform: g.uniform, x: x, layers: layers}
	if g.joins() {
		n.joinInput()
	}
	return g.appendLinear(n) // [rows, n]
}

// joinInput makes the node that computes x a part of n, where a kernel can do
// both.
func (n *linearNode) joinInput() {
	switch input := n.x.producer.(type) {
	case *normNode:
		if input.residual.home == nil {
			n.x, n.norm = input.x, input
		}
	case *linearNode:
		// Gemma's MLP only: with SigLIP's short rows two kernels are faster.
		if input.epilogue == kernels.GeGLU && input.residual.home == nil && input.up == nil && len(n.layers) == 1 {
			n.up = input
		}
	}
}

// joinSum appends y + x as one node with the computation of y. It returns the
// zero Tensor where no kernel can do both.
func (g *Graph) joinSum(y, x Tensor) Tensor {
	switch node := y.producer.(type) {
	case *linearNode:
		oneOutput := len(node.layers) == 1 || node.epilogue == kernels.GeGLU
		if oneOutput && node.residual.home == nil && g.begin(opAdd, y, x) {
			n := *node
			n.residual = x
			return g.appendLinear(n)
		}
	case *normNode:
		if node.residual.home == nil && g.begin(opAdd, y, x) {
			n := *node
			n.residual = x
			return g.appendNorm(n)
		}
	}
	return Tensor{}
}

// appendLinear appends n, whose operands are checked: [rows, n].
func (g *Graph) appendLinear(n linearNode) Tensor {
	y := g.kernel(opLinear, [4]int{n.rows(), n.x.ne[1], 1, 1}, func(dst Tensor) kernels.Op {
		product := n.kernel(g.backend, dst.address())
		if n.up != nil {
			return &kernels.MLP{Up: *n.up.kernel(g.backend, 0), Down: *product}
		}
		return product
	}, n.operands()...)
	y.producer = &n
	return y
}

// operands returns what n reads, without packed weights.
func (n *linearNode) operands() []Tensor {
	all := present(n.x)
	if n.up != nil {
		all = n.up.operands()
	}
	if n.norm != nil {
		all = append(all, present(n.norm.w, n.norm.b)...)
	}
	for _, l := range n.layers {
		all = append(all, present(l.B)...)
	}
	return append(all, present(n.residual)...)
}

// rows returns the length of a column of the result.
func (n *linearNode) rows() (rows int) {
	if n.epilogue == kernels.GeGLU {
		return n.layers[0].W.ne[1]
	}
	for _, l := range n.layers {
		rows += l.W.ne[1]
	}
	return rows
}

// kernel describes the product whose result lies at address to; 0 leaves the
// place open.
func (n *linearNode) kernel(b *Backend, to uintptr) *kernels.Linear {
	product := &kernels.Linear{X: n.x.address(), N: n.x.ne[1], Stride: n.x.nb[1] / 4, Epilogue: n.epilogue,
		Residual: n.residual.address(), ResidualStride: n.residual.nb[1] / 4,
		Precise: b.Precise, Uniform: n.uniform, Level: b.level, Threads: b.pool.Threads()}
	if n.norm != nil {
		product.Norm = n.norm.kernel()
	}
	for _, l := range n.layers {
		product.Out = append(product.Out, kernels.Output{W: *l.W.packed, Bias: l.B.address(), Y: to, Stride: n.rows()})
		if n.epilogue != kernels.GeGLU && to != 0 {
			to += uintptr(4 * l.W.ne[1])
		}
	}
	return product
}

// kernelNorm norms the columns of x [d, n] with weights w and b, both [d]: [d, n].
func (g *Graph) kernelNorm(x, w, b Tensor, eps float32, centered bool) Tensor {
	if !g.f32Rows(opNorm, present(x, w, b)...) {
		return lost
	}
	column := [4]int{x.ne[0], 1, 1, 1}
	switch {
	case !finite(eps) || eps < 0:
		return g.fail(opNorm, "epsilon is %v, want 0 or more", eps)
	case w.ne != column || b.home != nil && b.ne != column || x.ne[2]*x.ne[3] != 1:
		return g.fail(opNorm, "%v by %v: want a matrix and as many weights as it has rows", x, w)
	}
	return g.appendNorm(normNode{x: x, w: w, b: b, eps: eps, centered: centered})
}

// appendNorm appends n, whose operands are checked: [d, n].
func (g *Graph) appendNorm(n normNode) Tensor {
	y := g.kernel(opNorm, n.x.ne, func(dst Tensor) kernels.Op {
		norm := n.kernel()
		norm.Size, norm.Columns, norm.X, norm.XStep = n.x.ne[0], n.x.ne[1], n.x.address(), n.x.nb[1]/4
		norm.Residual, norm.ResidualStep = n.residual.address(), n.residual.nb[1]/4
		norm.Out, norm.OutStep, norm.Level = dst.address(), dst.nb[1]/4, g.backend.level
		return norm
	}, present(n.x, n.w, n.b, n.residual)...)
	y.producer = &n
	return y
}

// kernel describes the norm of one column.
func (n *normNode) kernel() *kernels.Norm {
	return &kernels.Norm{W: n.w.address(), B: n.b.address(), Centered: n.centered, Eps: n.eps}
}
