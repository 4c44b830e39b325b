package nn

import (
	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// f32Rows checks the common rule of arithmetic: float32 with contiguous rows.
func (g *Graph) f32Rows(op string, operands ...Tensor) bool {
	if !g.begin(op, operands...) {
		return false
	}
	for i, x := range operands {
		if x.typ != gguf.F32 || !x.rowsContiguous() {
			g.fail(op, "operand %d is %v (rows contiguous: %t), want f32 with contiguous rows", i+1, x, x.rowsContiguous())
			return false
		}
	}
	return true
}

// arithmetic applies f element by element, b repeated over a.
func (g *Graph) arithmetic(op string, f func(a, b bindings.Tensor) bindings.Tensor, a, b Tensor) Tensor {
	if !g.f32Rows(op, a, b) {
		return Tensor{}
	}
	for i := range a.ne {
		if a.ne[i]%b.ne[i] != 0 {
			return g.fail(op, "%v does not repeat to %v", b, a)
		}
	}
	return g.node(op, f(a.t, b.t), gguf.F32, a.ne)
}

// Add is a + b; b is repeated to a's shape.
func (g *Graph) Add(a, b Tensor) Tensor {
	if g.backend.pool != nil && a.typ == gguf.F32 && b.typ == gguf.F32 && a.ne == b.ne && a.Contiguous() && b.Contiguous() {
		return g.kernelSum(a, b)
	}
	return g.arithmetic("add", g.home.ctx.Add, a, b)
}

// Sub is a - b; b is repeated to a's shape.
func (g *Graph) Sub(a, b Tensor) Tensor { return g.arithmetic("sub", g.home.ctx.Sub, a, b) }

// Mul is a * b element by element; b is repeated to a's shape.
func (g *Graph) Mul(a, b Tensor) Tensor { return g.arithmetic("mul", g.home.ctx.Mul, a, b) }

// Div is a / b element by element; b is repeated to a's shape.
func (g *Graph) Div(a, b Tensor) Tensor { return g.arithmetic("div", g.home.ctx.Div, a, b) }

// pointwise applies f to each element; rows may lie apart.
func (g *Graph) pointwise(op string, f func(bindings.Tensor) bindings.Tensor, a Tensor) Tensor {
	if !g.f32Rows(op, a) {
		return Tensor{}
	}
	if !a.rowsPacked() {
		return g.fail(op, "%v has permuted rows; make it contiguous first", a)
	}
	return g.node(op, f(a.t), gguf.F32, a.ne)
}

// GELU is 0.5a(1 + tanh(sqrt(2/pi)(a + 0.044715a^3))), the tanh approximation
// that both towers were trained with.
//
// ggml's own reads it from a table indexed by float16, with errors of 5e-4.
// As 0.5(1 + tanh(y/2)) is the logistic function of y, it is also
// silu(y)/t with y = a·t and t = 2·sqrt(2/pi)(1 + 0.044715a^2), which ggml
// computes in float32.
func (g *Graph) GELU(a Tensor) Tensor {
	const slope = 2 * 0.7978845608028654
	t := g.Affine(g.Sqr(a), slope*0.044715, slope)
	return g.Div(g.SiLU(g.Mul(a, t)), t)
}

// GeGLU is GELU(gate) * up. (arXiv:2002.05202)
func (g *Graph) GeGLU(gate, up Tensor) Tensor { return g.Mul(g.GELU(gate), up) }

// SiLU is a / (1 + e^-a).
func (g *Graph) SiLU(a Tensor) Tensor { return g.pointwise("silu", g.home.ctx.Silu, a) }

// Tanh is the hyperbolic tangent.
func (g *Graph) Tanh(a Tensor) Tensor { return g.pointwise("tanh", g.home.ctx.Tanh, a) }

// Exp is e^a.
func (g *Graph) Exp(a Tensor) Tensor { return g.pointwise("exp", g.home.ctx.Exp, a) }

// Sqr is a^2.
func (g *Graph) Sqr(a Tensor) Tensor { return g.pointwise("sqr", g.home.ctx.Sqr, a) }

// Scale is a * s.
func (g *Graph) Scale(a Tensor, s float32) Tensor { return g.Affine(a, s, 0) }

// Affine is a * s + b.
func (g *Graph) Affine(a Tensor, s, b float32) Tensor {
	if !g.f32Rows("scale", a) {
		return Tensor{}
	}
	if !finite(s) || !finite(b) || !a.Contiguous() || !a.plain() {
		return g.fail("scale", "%v by %v plus %v: want a contiguous tensor and finite numbers", a, s, b)
	}
	return g.node("scale", g.home.ctx.Scale(a.t, s, b), gguf.F32, a.ne)
}

// Softcap is limit * tanh(a / limit), which keeps values within ±limit (Gemma
// 2, arXiv:2408.00118, section 2). A limit of 0 means none.
func (g *Graph) Softcap(a Tensor, limit float32) Tensor {
	if limit == 0 {
		return a
	}
	return g.Scale(g.Tanh(g.Scale(a, 1/limit)), limit)
}

// normal applies a normalization of rows.
func (g *Graph) normal(op string, f func(bindings.Tensor, float32) bindings.Tensor, a Tensor, eps float32) Tensor {
	if !g.f32Rows(op, a) {
		return Tensor{}
	}
	if !finite(eps) || eps < 0 {
		return g.fail(op, "epsilon is %v, want 0 or more", eps)
	}
	return g.node(op, f(a.t, eps), gguf.F32, a.ne)
}

// Norm is (a - mean) / sqrt(variance + eps) over rows, without weights.
func (g *Graph) Norm(a Tensor, eps float32) Tensor { return g.normal("norm", g.home.ctx.Norm, a, eps) }

// RMSNorm is a / sqrt(mean(a^2) + eps) over rows, without weights.
func (g *Graph) RMSNorm(a Tensor, eps float32) Tensor {
	return g.normal("rms_norm", g.home.ctx.RMSNorm, a, eps)
}

// SumRows sums each row: [n, ...] to [1, ...].
func (g *Graph) SumRows(a Tensor) Tensor { return g.reduce("sum_rows", g.home.ctx.SumRows, a) }

// Mean averages each row: [n, ...] to [1, ...].
func (g *Graph) Mean(a Tensor) Tensor { return g.reduce("mean", g.home.ctx.Mean, a) }

func (g *Graph) reduce(op string, f func(bindings.Tensor) bindings.Tensor, a Tensor) Tensor {
	if !g.f32Rows(op, a) {
		return Tensor{}
	}
	return g.node(op, f(a.t), gguf.F32, [4]int{1, a.ne[1], a.ne[2], a.ne[3]})
}

// Argmax gives the place of the largest value of each row: [n, m] to i32 [m].
func (g *Graph) Argmax(a Tensor) Tensor {
	if !g.f32Rows("argmax", a) {
		return Tensor{}
	}
	if a.ne[2] != 1 || a.ne[3] != 1 || !a.Contiguous() {
		return g.fail("argmax", "%v: want a contiguous matrix", a)
	}
	return g.node("argmax", g.home.ctx.Argmax(a.t), gguf.I32, [4]int{a.ne[1], 1, 1, 1})
}

// Argsort gives the order that sorts each row: i32 of a's shape.
func (g *Graph) Argsort(a Tensor, descending bool) Tensor {
	if !g.f32Rows("argsort", a) {
		return Tensor{}
	}
	if !a.Contiguous() || !a.rowsPacked() {
		return g.fail("argsort", "%v is not contiguous", a)
	}
	return g.node("argsort", g.home.ctx.Argsort(a.t, descending), gguf.I32, a.ne)
}
