package nn

import "github.com/pgcli/paligemma/gguf"

// Matrix products, and operations of attention and of patches.

// MulMat multiplies the rows of w by the columns of x: w [k, m] and x [k, n],
// f32, give f32 [m, n], summed in float32. w is repeated along axes 2 and 3 to
// the shape of x. On the CPU ggml quantizes the columns of x if w is quantized.
func (g *Graph) MulMat(w, x Tensor) Tensor {
	if !g.begin(opMulMat, w, x) {
		return lost
	}
	switch {
	case x.typ != gguf.F32 || w.typ == gguf.I32 || w.typ == gguf.I64:
		return g.fail(opMulMat, "%v by %v: want numbers by f32", w, x)
	case !w.rowsContiguous() || !x.rowsContiguous():
		return g.fail(opMulMat, "%v by %v: rows are not contiguous", w, x)
	case w.ne[0] != x.ne[0]:
		return g.fail(opMulMat, "%v by %v: rows of %d and %d", w, x, w.ne[0], x.ne[0])
	case x.ne[2]%w.ne[2] != 0 || x.ne[3]%w.ne[3] != 0:
		return g.fail(opMulMat, "%v does not repeat to %v", w, x)
	}
	if g.backend.ReadsRows(w) && x.ne[1] <= maxRowColumns && x.ne[2]*x.ne[3] == 1 {
		return g.kernelRows(w, x) // [m, n]
	}
	if w.rowsOverlap() || x.rowsOverlap() {
		return g.fail(opMulMat, "%v by %v: a row is longer than the step to the next; make it contiguous first", w, x)
	}
	if w.typ.Quantized() { // ggml rounds x, and takes NaN for 0 or a large integer
		g.Finite("operand of "+w.t.Name(), x)
	}
	t := g.home.ctx.MulMat(w.t, x.t)
	if w.repacked && (x.ne[3] != 1 || !g.backend.Device().SupportsOp(t)) {
		return g.fail(opMulMat, "%v by %v: the layout of the weights does not multiply this", w, x)
	}
	y := g.node(opMulMat, t, gguf.F32, [4]int{w.ne[1], x.ne[1], x.ne[2], x.ne[3]}) // [m, n]
	g.takes(y, w.ne[0])
	return y
}

// withMask returns operands and mask, without mask if it is the zero Tensor.
func withMask(mask Tensor, operands ...Tensor) []Tensor { return append(operands, present(mask)...) }

// SoftMax is softmax(a*scale + mask) over rows of a, f32 [m, n, h]: f32
// [m, n, h]. mask [m, n], f32 or f16, is added to each head; it may be the zero
// Tensor.
func (g *Graph) SoftMax(a, mask Tensor, scale float32) Tensor {
	const op = "soft_max"
	if !g.begin(op, withMask(mask, a)...) {
		return lost
	}
	switch {
	case a.typ != gguf.F32:
		return g.fail(op, "%v: want f32", a)
	case mask.home != nil && (mask.typ != gguf.F32 && mask.typ != gguf.F16 || !mask.Contiguous()):
		return g.fail(op, "mask is %v, want contiguous f32 or f16", mask)
	case !a.Contiguous() || !finite(scale):
		return g.fail(op, "%v by %v: want a contiguous tensor and a finite scale", a, scale)
	case mask.home != nil && (mask.ne[0] != a.ne[0] || mask.ne[1] != a.ne[1] || a.ne[2]%mask.ne[2] != 0 || a.ne[3]%mask.ne[3] != 0):
		return g.fail(op, "mask %v over scores %v", mask, a)
	}
	return g.node(op, g.home.ctx.SoftMax(a.t, mask.t, scale), gguf.F32, a.ne)
}

// RoPE rotates the pairs (i, i+e/2) of each row of a, f32 [e, h, n], by the angle
// pos*base^(-2i/e): f32 [e, h, n]. pos is i32 [n]. (RoFormer, arXiv:2104.09864,
// in the half-split form of Gemma.)
func (g *Graph) RoPE(a, pos Tensor, base float32) Tensor {
	if !g.begin(opRoPE, a, pos) {
		return lost
	}
	switch {
	case a.typ != gguf.F32 || !a.rowsContiguous() || a.ne[0]%2 != 0:
		return g.fail(opRoPE, "%v (rows contiguous: %t): want f32 in contiguous rows of even length", a, a.rowsContiguous())
	case pos.typ != gguf.I32 || pos.ne != [4]int{a.ne[2], 1, 1, 1} || !pos.Contiguous():
		return g.fail(opRoPE, "positions %v (contiguous: %t) for %v, want i32 [%d], contiguous", pos, pos.Contiguous(), a, a.ne[2])
	case !finite(base) || base <= 0:
		return g.fail(opRoPE, "base %v, want more than 0", base)
	}
	if g.backend.pool != nil && a.ne[3] == 1 {
		return g.kernelRoPE(a, pos, base)
	}
	return g.node(opRoPE, g.home.ctx.RoPE(a.t, pos.t, a.ne[0], base), gguf.F32, a.ne)
}

// Patches cuts image, f32 [w, h, c], into squares of side p: f32
// [p*p*c, w/p*h/p]. A square is a column in the order x, y, c; squares follow
// each other row by row.
func (g *Graph) Patches(image Tensor, p int) Tensor {
	if !g.f32Rows(opPatches, image) {
		return lost
	}
	w, h, c := image.ne[0], image.ne[1], image.ne[2]
	switch {
	case p < 1 || w%p != 0 || h%p != 0 || image.ne[3] != 1:
		return g.fail(opPatches, "%v in squares of side %d, want [w h c] in whole squares", image, p)
	case !image.Contiguous() || image.Bytes() > maxAxis:
		return g.fail(opPatches, "%v (contiguous: %t): want a contiguous image of up to %d bytes", image, image.Contiguous(), maxAxis)
	case g.backend.pool != nil:
		return g.kernelPatches(image, p) // [p*p*c, w/p*h/p]
	case !g.begin(opPatches): // for the second node, the kernel of a convolution
		return lost
	}
	kernel := g.home.ctx.New(gguf.F32, int64(p), int64(p), int64(c), 1) // [p, p, c, 1]; ggml reads only its shape
	kernel.MarkInput()
	ne := [4]int{p * p * c, w / p, h / p, 1}
	cols := g.node(opPatches, g.home.ctx.Patches(kernel, image.t, p, p, gguf.F32), gguf.F32, ne) // [p*p*c, w/p, h/p]
	return g.Reshape(cols, ne[0], ne[1]*ne[2])                                                   // [p*p*c, w/p*h/p]
}
