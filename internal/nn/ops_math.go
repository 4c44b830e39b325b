package nn

import (
	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// Operations on elements and rows. Results are f32. Unless a comment says
// otherwise, operands are f32 with contiguous rows and the result has the shape
// of a.

// f32Rows begins op and checks that its operands are f32 with contiguous rows.
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

// arithmetic appends f, which combines a and b element by element. b is repeated
// to a's shape, of which each axis must be a multiple of b's.
func (g *Graph) arithmetic(op string, f func(a, b bindings.Tensor) bindings.Tensor, a, b Tensor) Tensor {
	if !g.f32Rows(op, a, b) {
		return lost
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
	return g.arithmetic(opAdd, g.home.ctx.Add, a, b)
}

// Mul is a * b element by element; b is repeated to a's shape.
func (g *Graph) Mul(a, b Tensor) Tensor { return g.arithmetic("mul", g.home.ctx.Mul, a, b) }

// Div is a / b element by element; b is repeated to a's shape.
func (g *Graph) Div(a, b Tensor) Tensor { return g.arithmetic("div", g.home.ctx.Div, a, b) }

// pointwise appends f, which maps each element of a. Rows may lie apart, but
// evenly.
func (g *Graph) pointwise(op string, f func(bindings.Tensor) bindings.Tensor, a Tensor) Tensor {
	if !g.f32Rows(op, a) {
		return lost
	}
	if !a.rowsEven() {
		return g.fail(op, "%v has permuted rows; make it contiguous first", a)
	}
	return g.node(op, f(a.t), gguf.F32, a.ne)
}

// GELU is 0.5a(1 + tanh(sqrt(2/pi)(a + 0.044715a^3))), the tanh approximation
// that both towers were trained with.
//
// ggml's own GELU reads a table indexed by float16, with errors of 5e-4. This
// one is in float32: 0.5(1 + tanh(y/2)) is the logistic function of y, so GELU is
// also silu(a·t)/t with t = 2·sqrt(2/pi)(1 + 0.044715a^2).
func (g *Graph) GELU(a Tensor) Tensor {
	const slope = 2 * 0.7978845608028654
	t := g.Affine(g.Sqr(a), slope*0.044715, slope)
	return g.Div(g.SiLU(g.Mul(a, t)), t)
}

// GeGLU is GELU(gate) * up, of one shape. (arXiv:2002.05202)
func (g *Graph) GeGLU(gate, up Tensor) Tensor { return g.Mul(g.GELU(gate), up) }

// SiLU is a / (1 + e^-a).
func (g *Graph) SiLU(a Tensor) Tensor { return g.pointwise("silu", g.home.ctx.Silu, a) }

// Tanh is the hyperbolic tangent.
func (g *Graph) Tanh(a Tensor) Tensor { return g.pointwise("tanh", g.home.ctx.Tanh, a) }

// Sqr is a^2.
func (g *Graph) Sqr(a Tensor) Tensor { return g.pointwise("sqr", g.home.ctx.Sqr, a) }

// Scale is a * s.
func (g *Graph) Scale(a Tensor, s float32) Tensor { return g.Affine(a, s, 0) }

// Affine is a * s + b, of contiguous a and finite s and b.
func (g *Graph) Affine(a Tensor, s, b float32) Tensor {
	const op = "scale"
	if !g.f32Rows(op, a) {
		return lost
	}
	if !finite(s) || !finite(b) || !a.Contiguous() || !a.padded1D() {
		return g.fail(op, "%v by %v plus %v: want a contiguous tensor and finite numbers", a, s, b)
	}
	return g.node(op, g.home.ctx.Scale(a.t, s, b), gguf.F32, a.ne)
}

// Softcap is limit * tanh(a / limit), which keeps values within ±limit (Gemma
// 2, arXiv:2408.00118, section 2). With a limit of 0 it is a.
func (g *Graph) Softcap(a Tensor, limit float32) Tensor {
	if limit == 0 {
		return a
	}
	return g.Scale(g.Tanh(g.Scale(a, 1/limit)), limit)
}

// normal appends f, which normalizes each row of a.
func (g *Graph) normal(op string, f func(bindings.Tensor, float32) bindings.Tensor, a Tensor, eps float32) Tensor {
	if !g.f32Rows(op, a) {
		return lost
	}
	if !finite(eps) || eps < 0 {
		return g.fail(op, "epsilon is %v, want 0 or more", eps)
	}
	return g.node(op, f(a.t, eps), gguf.F32, a.ne)
}

// Norm is (a - mean) / sqrt(variance + eps) over rows, without weights.
func (g *Graph) Norm(a Tensor, eps float32) Tensor { return g.normal(opNorm, g.home.ctx.Norm, a, eps) }

// RMSNorm is a / sqrt(mean(a^2) + eps) over rows, without weights.
func (g *Graph) RMSNorm(a Tensor, eps float32) Tensor {
	return g.normal("rms_norm", g.home.ctx.RMSNorm, a, eps)
}
