package nn

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// Operations that the errors of more than one function name.
const (
	opAdd     = "add"
	opLinear  = "linear"
	opMulMat  = "mul_mat"
	opNorm    = "norm"
	opPatches = "patches"
	opRoPE    = "rope"
)

// Input adds a tensor of type t and of the given shape. Set must give its data
// before the first Compute; each Compute uses the data that was set last.
func (g *Graph) Input(name string, t gguf.Type, shape ...int) Tensor {
	op := "input " + name
	if !g.begin(op) {
		return lost
	}
	ne, err := shape4(t, shape)
	if err != nil {
		return g.fail(op, "%w", err)
	}
	n := native(ne)
	x := g.wrap(op, g.home.ctx.New(t, n[:]...), t, ne)
	x.t.SetName(name)
	x.t.MarkInput()
	keep(x)
	g.inputs[x.t] = input{name: name}
	return x
}

// Run plans the computation of x at this point, before all nodes added later.
// It is for operations whose effect is on a store, such as writing a cache.
func (g *Graph) Run(x Tensor) {
	const op = "run"
	switch {
	case g.err != nil:
	case g.home.closed:
		g.fail(op, "graph: %w", ErrClosed)
	case g.ready:
		g.fail(op, "the graph is compiled already")
	case x.home != g.home:
		g.fail(op, "not a tensor of this graph")
	default:
		g.graph.Expand(x.t)
	}
}

// fail keeps the graph's first error, which op met, and returns a lost tensor.
func (g *Graph) fail(op, format string, args ...any) Tensor {
	if g.err == nil {
		g.err = fmt.Errorf("nn: %s%s: %w", g.prefix, op, fmt.Errorf(format, args...))
	}
	return lost
}

// begin checks what every operation needs: a graph that has no error, is open
// and is not compiled yet; operands that are alive; and room for one node.
func (g *Graph) begin(op string, operands ...Tensor) bool {
	if g.err != nil {
		return false
	}
	if g.home.closed {
		g.fail(op, "graph: %w", ErrClosed)
		return false
	}
	for i, x := range operands {
		if err := g.use(x); err != nil {
			g.fail(op, "operand %d: %w", i+1, err)
			return false
		}
		if x.repacked && !(op == opMulMat && i == 0) {
			g.fail(op, "operand %d: %v is kept in the layout that only %s reads", i+1, x, opMulMat)
			return false
		}
	}
	switch {
	case g.ready:
		g.fail(op, "the graph is compiled already")
	case g.room == 0:
		g.fail(op, "the graph is full: it was made for %d nodes", g.size)
	case len(g.weights) > g.size:
		g.fail(op, "the graph reads more than %d tensors of stores, which it was made for", g.size)
	default:
		g.room--
		return true
	}
	return false
}

// use checks an operand and keeps its store open as long as the graph.
func (g *Graph) use(x Tensor) error {
	switch {
	case x.home == nil:
		return errors.New("no tensor")
	case x.home == g.home:
		return nil
	case x.home.graph:
		return errors.New("a tensor of another graph")
	case !g.stores[x.home]:
		if err := x.home.hold(); err != nil {
			return err
		}
		g.stores[x.home] = true
	}
	g.weights[x.t] = true
	return nil
}

// node wraps the result t of an operation that ggml computes element by element:
// contiguous, of type typ and shape ne.
func (g *Graph) node(op string, t bindings.Tensor, typ gguf.Type, ne [4]int) Tensor {
	x := g.wrap(op, t, typ, ne)
	g.takes(x, 1)
	return x
}

// quickWork is how many elements ggml computes within abortGrace on one thread: 12 ns
// for each, where tanh takes 5.
const quickWork = 1 << 22

// takes notes that ggml computes x in one node, with so many operations for each element.
func (g *Graph) takes(x Tensor, each int) {
	if x.Len() > quickWork/each {
		g.long = true
	}
}

// quick reports whether a computation of the graph can be stopped within abortGrace:
// kernels stop between pieces of work, ggml only on the CPU, and only between nodes.
func (g *Graph) quick() bool { return g.sched == nil && !g.long }

// wrap wraps a tensor: contiguous, of type typ and shape ne.
func (g *Graph) wrap(op string, t bindings.Tensor, typ gguf.Type, ne [4]int) Tensor {
	if !t.Valid() {
		return g.fail(op, "ggml made no tensor")
	}
	if _, err := shape4(typ, ne[:]); err != nil {
		return g.fail(op, "result: %w", err)
	}
	return Tensor{t: t, typ: typ, ne: ne, nb: strides(typ, ne), home: g.home, base: t}
}

// view wraps the result t of an operation: a part of the memory of a, of shape
// ne with strides nb.
func (g *Graph) view(op string, t bindings.Tensor, a Tensor, ne, nb [4]int) Tensor {
	x := g.wrap(op, t, a.typ, ne)
	if x.home != nil {
		x.nb, x.base, x.readOnly = nb, a.base, a.readOnly
	}
	return x
}

// finite reports whether v, a constant of an operation, is neither infinite nor
// NaN.
func finite(v float32) bool { return v-v == 0 }
