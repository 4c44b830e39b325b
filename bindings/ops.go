package bindings

import "github.com/pgcli/paligemma/gguf"

// Operations append a node to the context and return it. Names and rules are
// ggml's. Shapes are in ggml's order, fastest axis first; a result has the shape
// of its first operand unless the comment gives another.

func (c *Context) tensor(ptr tensorPtr) Tensor { return Tensor{c, ptr} }

// ready reports whether the context is open and every operand is a tensor of
// the same library.
func (c *Context) ready(operands ...Tensor) bool {
	for _, x := range operands {
		if !x.Valid() || x.ctx.lib != c.lib {
			return false
		}
	}
	return c.ptr != 0
}

func (c *Context) unary(f func(contextPtr, tensorPtr) tensorPtr, a Tensor) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	return c.tensor(f(c.ptr, a.ptr))
}

func (c *Context) binary(f func(contextPtr, tensorPtr, tensorPtr) tensorPtr, a, b Tensor) Tensor {
	if !c.ready(a, b) {
		return Tensor{}
	}
	return c.tensor(f(c.ptr, a.ptr, b.ptr))
}

// Element by element; b is repeated to the shape of a where it is shorter.

func (c *Context) Add(a, b Tensor) Tensor { return c.binary(c.lib.fn.add, a, b) }
func (c *Context) Mul(a, b Tensor) Tensor { return c.binary(c.lib.fn.mul, a, b) }
func (c *Context) Div(a, b Tensor) Tensor { return c.binary(c.lib.fn.div, a, b) }
func (c *Context) Sqr(a Tensor) Tensor    { return c.unary(c.lib.fn.sqr, a) }
func (c *Context) Tanh(a Tensor) Tensor   { return c.unary(c.lib.fn.tanh, a) }

// Silu is a / (1 + e^-a).
func (c *Context) Silu(a Tensor) Tensor { return c.unary(c.lib.fn.silu, a) }

// Sum is the sum of all elements of a, f32, added up in float64: [1].
func (c *Context) Sum(a Tensor) Tensor { return c.unary(c.lib.fn.sum, a) }

// Scale is a*s + b.
func (c *Context) Scale(a Tensor, s, b float32) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	if b == 0 {
		return c.tensor(c.lib.fn.scale(c.ptr, a.ptr, s))
	}
	return c.tensor(c.lib.fn.scaleBias(c.ptr, a.ptr, s, b))
}

// Over rows.

// Norm makes each row's mean 0 and variance 1, without weights.
func (c *Context) Norm(a Tensor, eps float32) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.norm(c.ptr, a.ptr, eps))
}

// RMSNorm makes each row's mean square 1, without weights.
func (c *Context) RMSNorm(a Tensor, eps float32) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.rmsNorm(c.ptr, a.ptr, eps))
}

// SoftMax is softmax(a*scale + mask) over rows; the zero Tensor means no mask.
func (c *Context) SoftMax(a, mask Tensor, scale float32) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	if !mask.Valid() && scale == 1 {
		return c.tensor(c.lib.fn.softMax(c.ptr, a.ptr))
	}
	return c.tensor(c.lib.fn.softMaxExt(c.ptr, a.ptr, mask.ptr, scale, 0))
}

// precF32 asks for float32 sums where a device would use float16.
const precF32 = 10

// MulMat multiplies a [k, m] by b [k, n] to [m, n], summed in float32. The
// third and fourth axes of a are repeated to the lengths of b's.
func (c *Context) MulMat(a, b Tensor) Tensor {
	x := c.binary(c.lib.fn.mulMat, a, b)
	if x.Valid() {
		c.lib.fn.mulMatSetPrec(x.ptr, precF32)
	}
	return x
}

// ropeNeoX pairs dimension i with i + dims/2.
const ropeNeoX = 2

// RoPE rotates the first dims elements of each row of a [e, h, n] by angles
// pos*base^(-2i/dims), pairing halves ("NeoX"). pos is [n] int32.
func (c *Context) RoPE(a, pos Tensor, dims int, base float32) Tensor {
	if !c.ready(a, pos) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.ropeExt(c.ptr, a.ptr, pos.ptr, 0, int32(dims), ropeNeoX, 0, base, 1, 0, 1, 0, 0))
}

// Moving data.

// GetRows looks up rows of a [k, m] by their numbers, rows [n] int32: [k, n] float32.
func (c *Context) GetRows(a, rows Tensor) Tensor { return c.binary(c.lib.fn.getRows, a, rows) }

// Copy converts from to the type of to, writes it there and returns to.
func (c *Context) Copy(from, to Tensor) Tensor { return c.binary(c.lib.fn.cpy, from, to) }

// Cont copies a so that its elements lie one after the other.
func (c *Context) Cont(a Tensor) Tensor { return c.unary(c.lib.fn.cont, a) }

// SetRows writes row i of b [k, n] over row rows[i] of a [k, m] and returns a.
// rows is [n] int64.
func (c *Context) SetRows(a, b, rows Tensor) Tensor {
	if !c.ready(a, b, rows) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.setRows(c.ptr, a.ptr, b.ptr, rows.ptr))
}

// Cast converts a to type t.
func (c *Context) Cast(a Tensor, t gguf.Type) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.cast(c.ptr, a.ptr, t))
}

// Reshape views contiguous a as shape ne.
func (c *Context) Reshape(a Tensor, ne [4]int64) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.reshape4D(c.ptr, a.ptr, ne[0], ne[1], ne[2], ne[3]))
}

// View is a part of a of shape ne, with strides nb1 to nb3 and offset in bytes.
func (c *Context) View(a Tensor, ne [4]int64, nb1, nb2, nb3, offset int) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.view4D(c.ptr, a.ptr, ne[0], ne[1], ne[2], ne[3],
		uintptr(nb1), uintptr(nb2), uintptr(nb3), uintptr(offset)))
}

// Permute views a with its axis i as axis axes[i].
func (c *Context) Permute(a Tensor, axes [4]int32) Tensor {
	if !c.ready(a) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.permute(c.ptr, a.ptr, axes[0], axes[1], axes[2], axes[3]))
}

// Concat appends b to a along axis dim, whose lengths add up.
func (c *Context) Concat(a, b Tensor, dim int) Tensor {
	if !c.ready(a, b) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.concat(c.ptr, a.ptr, b.ptr, int32(dim)))
}

// Patches unfolds image [w, h, ch] into the patches under a kernel of shape
// [pw, ph, ch, n] that moves by its own size: [pw*ph*ch, w/pw, h/ph] of type t.
func (c *Context) Patches(kernel, image Tensor, pw, ph int, t gguf.Type) Tensor {
	if !c.ready(kernel, image) {
		return Tensor{}
	}
	return c.tensor(c.lib.fn.im2col(c.ptr, kernel.ptr, image.ptr, int32(pw), int32(ph), 0, 0, 1, 1, true, t))
}
