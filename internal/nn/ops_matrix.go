package nn

import "github.com/pgcli/paligemma/gguf"

// Matrix products and what is built of them.

const opMulMat = "mul_mat"

// MulMat multiplies each column of x by the rows of w: w [k, m] and x [k, n]
// give [m, n], summed in float32. Axes 2 and 3 of w are repeated to those of
// x. On the CPU a quantized w makes ggml quantize the columns of x too.
func (g *Graph) MulMat(w, x Tensor) Tensor {
	if !g.begin("mul_mat", w, x) {
		return Tensor{}
	}
	switch {
	case x.typ != gguf.F32 || w.typ == gguf.I32 || w.typ == gguf.I64:
		return g.fail("mul_mat", "%v by %v: want numbers by f32", w, x)
	case !w.rowsContiguous() || !x.rowsContiguous():
		return g.fail("mul_mat", "%v by %v: rows are not contiguous", w, x)
	case w.ne[0] != x.ne[0]:
		return g.fail("mul_mat", "%v by %v: rows of %d and %d", w, x, w.ne[0], x.ne[0])
	case x.ne[2]%w.ne[2] != 0 || x.ne[3]%w.ne[3] != 0:
		return g.fail("mul_mat", "%v does not repeat to %v", w, x)
	}
	if g.backend.ReadsRows(w) && x.Len() == x.ne[0] {
		return g.kernelRows(w, x)
	}
	t := g.home.ctx.MulMat(w.t, x.t)
	if w.tiled && (x.ne[3] != 1 || !g.backend.Device().SupportsOp(t)) {
		return g.fail(opMulMat, "%v by %v: the layout of the weights does not multiply this", w, x)
	}
	return g.node(opMulMat, t, gguf.F32, [4]int{w.ne[1], x.ne[1], x.ne[2], x.ne[3]})
}

// withMask is the operands of an operation, whose zero mask means none.
func withMask(mask Tensor, operands ...Tensor) []Tensor {
	if mask.home == nil {
		return operands
	}
	return append(operands, mask)
}

// SoftMax is softmax(a*scale + mask) over rows of a [m, n, h]. mask [m, n] is
// f32 or f16, repeated over heads; the zero mask is none.
func (g *Graph) SoftMax(a, mask Tensor, scale float32) Tensor {
	if !g.begin("soft_max", withMask(mask, a)...) {
		return Tensor{}
	}
	switch {
	case a.typ != gguf.F32:
		return g.fail("soft_max", "%v: want f32", a)
	case mask.home != nil && !g.maskFits("soft_max", mask):
		return Tensor{}
	case !a.Contiguous() || !finite(scale):
		return g.fail("soft_max", "%v by %v: want a contiguous tensor and a finite scale", a, scale)
	case mask.home != nil && (mask.ne[0] != a.ne[0] || mask.ne[1] != a.ne[1] || a.ne[2]%mask.ne[2] != 0 || a.ne[3]%mask.ne[3] != 0):
		return g.fail("soft_max", "mask %v over scores %v", mask, a)
	}
	return g.node("soft_max", g.home.ctx.SoftMax(a.t, mask.t, scale), gguf.F32, a.ne)
}

func (g *Graph) maskFits(op string, mask Tensor) bool {
	if mask.typ != gguf.F32 && mask.typ != gguf.F16 || !mask.Contiguous() {
		g.fail(op, "mask is %v, want contiguous f32 or f16", mask)
		return false
	}
	return true
}

// FlashAttention is Attention without a score matrix in memory: q [e, n, h],
// k and v [e, m, hk] with h a multiple of hk give [e, h, n]. mask [m, n] is
// f16, or zero for none; softcap 0 is none.
//
// It equals: scores = k·q per head, softcap(scores*scale), + mask, softmax
// over m, times v, heads side by side.
func (g *Graph) FlashAttention(q, k, v, mask Tensor, scale, softcap float32) Tensor {
	const op = "flash_attn"
	if !g.begin(op, withMask(mask, q, k, v)...) || mask.home != nil && !g.maskFits(op, mask) {
		return Tensor{}
	}
	float := func(t gguf.Type) bool { return t == gguf.F32 || t == gguf.F16 }
	switch {
	case q.typ != gguf.F32 || !float(k.typ) || !float(v.typ):
		return g.fail(op, "q %v, k %v, v %v: want f32 queries, f32 or f16 keys and values", q, k, v)
	case !q.rowsContiguous() || !k.rowsContiguous() || !v.rowsContiguous():
		return g.fail(op, "q %v, k %v, v %v: rows are not contiguous", q, k, v)
	case q.ne[0] != k.ne[0] || k.ne[1] != v.ne[1] || k.ne[2] != v.ne[2] || q.ne[2]%k.ne[2] != 0:
		return g.fail(op, "q %v, k %v, v %v: want [e n h], [e m hk], [e m hk]", q, k, v)
	case q.ne[3] != 1 || k.ne[3] != 1 || v.ne[3] != 1:
		return g.fail(op, "q %v, k %v, v %v: want three axes", q, k, v)
	case mask.home != nil && (mask.typ != gguf.F16 || mask.ne != [4]int{k.ne[1], q.ne[1], 1, 1}):
		return g.fail(op, "mask %v, want f16 [%d %d]", mask, k.ne[1], q.ne[1])
	case !finite(scale) || !finite(softcap) || softcap < 0:
		return g.fail(op, "scale %v, softcap %v: want finite numbers, softcap 0 or more", scale, softcap)
	}
	ne := [4]int{v.ne[0], q.ne[2], q.ne[1], 1}
	return g.node(op, g.home.ctx.FlashAttention(q.t, k.t, v.t, mask.t, scale, softcap), gguf.F32, ne)
}

// RoPE rotates pairs (i, i+e/2) of each row of a [e, h, n] by the angle
// pos*base^(-2i/e); pos is i32 [n]. (RoFormer, arXiv:2104.09864, in the
// half-split form of Gemma.)
func (g *Graph) RoPE(a, pos Tensor, base float32) Tensor {
	if !g.begin("rope", a, pos) {
		return Tensor{}
	}
	switch {
	case a.typ != gguf.F32 || !a.rowsContiguous() || a.ne[0]%2 != 0:
		return g.fail("rope", "%v (rows contiguous: %t): want f32 in contiguous rows of even length", a, a.rowsContiguous())
	case pos.typ != gguf.I32 || pos.ne != [4]int{a.ne[2], 1, 1, 1} || !pos.Contiguous():
		return g.fail("rope", "positions %v (contiguous: %t) for %v, want i32 [%d], contiguous", pos, pos.Contiguous(), a, a.ne[2])
	case !finite(base) || base <= 0:
		return g.fail("rope", "base %v, want more than 0", base)
	}
	if g.backend.pool != nil && a.ne[3] == 1 {
		return g.kernelRoPE(a, pos, base)
	}
	return g.node("rope", g.home.ctx.RoPE(a.t, pos.t, a.ne[0], base), gguf.F32, a.ne)
}

// Patches cuts image [w, h, c] into squares of side p, each a column in the
// order x, y, c: f32 [p*p*c, w/p*h/p], squares row by row.
func (g *Graph) Patches(image Tensor, p int) Tensor {
	if !g.f32Rows("patches", image) {
		return Tensor{}
	}
	w, h, c := image.ne[0], image.ne[1], image.ne[2]
	switch {
	case p < 1 || w%p != 0 || h%p != 0 || image.ne[3] != 1:
		return g.fail("patches", "%v in squares of side %d, want [w h c] in whole squares", image, p)
	case !image.Contiguous() || image.Bytes() > maxAxis:
		return g.fail("patches", "%v (contiguous: %t): want a contiguous image of up to %d bytes", image, image.Contiguous(), maxAxis)
	case g.backend.pool != nil:
		return g.kernelPatches(image, p)
	case !g.begin("patches"): // room for the kernel below, of which ggml reads only the shape
		return Tensor{}
	}
	kernel := g.home.ctx.New(gguf.F32, int64(p), int64(p), int64(c), 1)
	kernel.MarkInput()
	ne := [4]int{p * p * c, w / p, h / p, 1}
	cols := g.node("patches", g.home.ctx.Patches(kernel, image.t, p, p, gguf.F32), gguf.F32, ne)
	return g.Reshape(cols, ne[0], ne[1]*ne[2])
}
