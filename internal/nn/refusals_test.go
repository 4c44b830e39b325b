package nn

import (
	"math"

	"github.com/pgcli/paligemma/gguf"
)

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

// A refusal is a wrong call and a part of the error that it must give, which names
// the operation, what it met and what it wants.
type refusal struct {
	want string
	do   func(b *bench) Tensor
}

// refusals are calls against each rule of each operation.
var refusals = []refusal{
	// What holds for every operation.
	{"add: operand 2: no tensor", func(b *bench) Tensor { return b.Add(b.m, Tensor{}) }},
	{"add: operand 1: a tensor of another graph", func(b *bench) Tensor { return b.Add(b.other, b.m) }},
	{"add: operand 2: gone: used after Close", func(b *bench) Tensor { return b.Add(b.m, b.gone) }},
	{"v.blk.3.add: operand 1: no tensor", func(b *bench) Tensor { return b.Scope("v.blk", 3).Add(Tensor{}, b.m) }},
	{"input x: shape [] has 0 axes, want 1 to 4", func(b *bench) Tensor { return b.Input("x", gguf.F32) }},
	{"input x: shape [1 1 1 1 1] has 5 axes", func(b *bench) Tensor { return b.Input("x", gguf.F32, 1, 1, 1, 1, 1) }},
	{"input x: shape [3 0]: axis 1 is 0, want 1", func(b *bench) Tensor { return b.Input("x", gguf.F32, 3, 0) }},
	{"input x: shape [3 -7]: axis 1 is -7", func(b *bench) Tensor { return b.Input("x", gguf.F32, 3, -7) }},
	{"input x: shape [2147483648]: axis 0 is 2147483648", func(b *bench) Tensor { return b.Input("x", gguf.F32, 1<<31) }},
	{"axis 2 is 1048576, want 1 to 2147483647 and at most 281474976710656 elements", func(b *bench) Tensor {
		return b.Input("x", gguf.F32, 1<<20, 1<<20, 1<<20)
	}},
	{"input x: type type(99) is not supported", func(b *bench) Tensor { return b.Input("x", 99, 3) }},
	{"rows of q4_K must be a multiple of 256 long", func(b *bench) Tensor { return b.Input("x", gguf.Q4_K, 255) }},
	{"add: operand 1: q4_0 [32 8] is kept in the layout that only mul_mat reads", func(b *bench) Tensor { return b.Add(b.repacked, b.m) }},
	{"get_rows: operand 1: q4_0 [32 8] is kept in the layout", func(b *bench) Tensor { return b.GetRows(b.repacked, b.ids) }},
	{"reshape: operand 1: q4_0 [32 8] is kept in the layout", func(b *bench) Tensor { return b.Reshape(b.repacked, 256) }},
	{"mul_mat: operand 2: q4_0 [32 8] is kept in the layout", func(b *bench) Tensor { return b.MulMat(b.m, b.repacked) }},

	// Arithmetic.
	{"add: operand 1 is f16 [6 4] (rows contiguous: true), want f32", func(b *bench) Tensor { return b.Add(b.half, b.m) }},
	{"div: operand 2 is i32 [6 4]", func(b *bench) Tensor { return b.Div(b.m, b.i32) }},
	{"mul: operand 1 is f32 [6 4] (rows contiguous: false), want f32 with contiguous rows", func(b *bench) Tensor { return b.Mul(b.t, b.m) }},
	{"div: f32 [8 4] does not repeat to f32 [6 4]", func(b *bench) Tensor { return b.Div(b.m, b.wide) }},
	{"add: f32 [6 4 2] does not repeat to f32 [6 4]", func(b *bench) Tensor { return b.Add(b.m, b.cube) }},
	{"tanh: operand 1 is q8_0 [32 4]", func(b *bench) Tensor { return b.Tanh(b.q8) }},
	{"tanh: f32 [6 2 4] has permuted rows", func(b *bench) Tensor { return b.Tanh(b.Permute(b.cube, 0, 2, 1, 3)) }},
	{"silu: f32 [6 1 4] has permuted rows", func(b *bench) Tensor { return b.SiLU(b.Permute(b.m, 0, 2, 1, 3)) }},
	{"sqr: f32 [6 1 4] has permuted rows", func(b *bench) Tensor { return b.GELU(b.Permute(b.strip, 0, 2, 1, 3)) }},
	{"tanh: f32 [5 1 4] has permuted rows", func(b *bench) Tensor {
		return b.Tanh(b.View(b.Reshape(b.m, 6, 1, 4), []int{0, 0, 0}, 5, 1, 4))
	}},
	{"mul: f32 [8 4] does not repeat to f32 [6 4]", func(b *bench) Tensor { return b.GeGLU(b.m, b.wide) }},
	{"scale: f32 [6 4] by NaN", func(b *bench) Tensor { return b.Scale(b.m, nan) }},
	{"by 1 plus +Inf: want a contiguous tensor and finite numbers", func(b *bench) Tensor { return b.Affine(b.m, 1, inf) }},
	{"scale: f32 [6 4] by 2", func(b *bench) Tensor { return b.Scale(b.strip, 2) }},
	{"scale: f32 [6 2] by 2", func(b *bench) Tensor { return b.Scale(b.View(b.cube, []int{0, 0, 1}, 6, 2, 1), 2) }},
	{"scale: f32 [6 4] by NaN", func(b *bench) Tensor { return b.Softcap(b.m, nan) }},
	{"norm: epsilon is -1, want 0 or more", func(b *bench) Tensor { return b.Norm(b.m, -1) }},
	{"rms_norm: epsilon is NaN", func(b *bench) Tensor { return b.RMSNorm(b.m, nan) }},
	{"norm: operand 1 is f16 [6 4]", func(b *bench) Tensor { return b.Norm(b.half, 1e-6) }},

	// Moving data.
	{"reshape: f32 [6 4] to [5 5]: 24 elements to 25", func(b *bench) Tensor { return b.Reshape(b.m, 5, 5) }},
	{"reshape: f32 [6 4] is not contiguous", func(b *bench) Tensor { return b.Reshape(b.t, 24) }},
	{"reshape: shape [24 0]", func(b *bench) Tensor { return b.Reshape(b.m, 24, 0) }},
	{"reshape: shape [16 8]: rows of q8_0 must be a multiple of 32", func(b *bench) Tensor { return b.Reshape(b.q8, 16, 8) }},
	{"view: f32 [6 4] from [3 0] over [4 4]: outside on axis 0", func(b *bench) Tensor { return b.View(b.m, []int{3, 0}, 4, 4) }},
	{"view: f32 [6 4] from [0 -1] over [6 1]: outside on axis 1", func(b *bench) Tensor { return b.View(b.m, []int{0, -1}, 6, 1) }},
	{"outside on axis 1", func(b *bench) Tensor { return b.View(b.m, []int{0, math.MaxInt}, 6, 1) }},
	{"outside on axis 2", func(b *bench) Tensor { return b.View(b.m, []int{0, 0, 1}, 6, 4, 1) }},
	{"view: f32 [6 4] from [0] over [6 4]: want one start for each", func(b *bench) Tensor { return b.View(b.m, []int{0}, 6, 4) }},
	{"view: f32 [6 4]: rows are not contiguous", func(b *bench) Tensor { return b.View(b.t, []int{0, 0}, 3, 4) }},
	{"permute: axes [0 1 2], want an order of 0 1 2 3", func(b *bench) Tensor { return b.Permute(b.m, 0, 1, 2) }},
	{"permute: axes [0 1 1 3], want an order", func(b *bench) Tensor { return b.Permute(b.m, 0, 1, 1, 3) }},
	{"permute: axes [0 1 2 4], want an order", func(b *bench) Tensor { return b.Permute(b.m, 0, 1, 2, 4) }},
	{"permute: q8_0 [32 4]: blocks cannot leave their row", func(b *bench) Tensor { return b.Transpose(b.q8) }},
	{"has steps of over 2147483647 bytes", func(b *bench) Tensor { return b.Transpose(b.Input("big", gguf.F32, 1<<16, 1<<14)) }},
	{"cont: q8_0 [32 4]: want f32, f16, bf16 or i32", func(b *bench) Tensor { return b.Cont(b.q8) }},
	{"cont: i64 [4]", func(b *bench) Tensor { return b.Cont(b.far) }},
	{"cast: i32 [6 4] to f32", func(b *bench) Tensor { return b.Cast(b.i32, gguf.F32) }},
	{"cast: q8_0 [32 4] to f16", func(b *bench) Tensor { return b.Cast(b.q8, gguf.F16) }},
	{"cast: f32 [6 4] to q8_0", func(b *bench) Tensor { return b.Cast(b.m, gguf.Q8_0) }},
	{"cast: f32 [6 4] to type(77)", func(b *bench) Tensor { return b.Cast(b.m, 77) }},
	{"copy: f32 [8 4] to f32 [6 4]: want one shape", func(b *bench) Tensor { return b.Copy(b.wide, b.m) }},
	{"copy: i32 [6 4] to f32 [6 4]", func(b *bench) Tensor { return b.Copy(b.i32, b.m) }},
	{"copy: f32 [6 4] lies in a mapped store, which is read only", func(b *bench) Tensor { return b.Copy(b.m, b.readOnly) }},
	{"copy: f32 [3 4] lies in a mapped store", func(b *bench) Tensor {
		return b.Copy(b.View(b.m, []int{0, 0}, 3, 4), b.View(b.Reshape(b.readOnly, 6, 4), []int{0, 0}, 3, 4))
	}},
	{"concat: f32 [6 4] and f16 [6 4] along axis 0: want one type", func(b *bench) Tensor { return b.Concat(b.m, b.half, 0) }},
	{"concat: q8_0 [32 4] and q8_0 [32 4]", func(b *bench) Tensor { return b.Concat(b.q8, b.q8, 1) }},
	{"along axis 4: want", func(b *bench) Tensor { return b.Concat(b.m, b.m, 4) }},
	{"along axis -1: want", func(b *bench) Tensor { return b.Concat(b.m, b.m, -1) }},
	{"concat: f32 [6 4] and f32 [8 4] differ on axis 0", func(b *bench) Tensor { return b.Concat(b.m, b.wide, 1) }},
	{"concat: result: shape", func(b *bench) Tensor {
		x := b.Input("long", gguf.F32, 1<<30)
		return b.Concat(x, x, 0)
	}},
	{"get_rows: f32 [6 4 2] (rows contiguous: true): want a matrix", func(b *bench) Tensor { return b.GetRows(b.cube, b.ids) }},
	{"get_rows: i32 [6 4]", func(b *bench) Tensor { return b.GetRows(b.i32, b.ids) }},
	{"get_rows: f32 [6 4] (rows contiguous: false)", func(b *bench) Tensor { return b.GetRows(b.t, b.ids) }},
	{"get_rows: rows i64 [4], want i32 [n]", func(b *bench) Tensor { return b.GetRows(b.m, b.far) }},
	{"get_rows: rows i32 [6 4], want i32 [n]", func(b *bench) Tensor { return b.GetRows(b.m, b.i32) }},
	{"get_rows: rows i32 [4] are not an input of this graph", func(b *bench) Tensor { return b.GetRows(b.m, b.Cont(b.ids)) }},
	{"get_rows: rows i32 [2] are not an input", func(b *bench) Tensor { return b.GetRows(b.m, b.View(b.ids, []int{1}, 2)) }},
	{"set_rows: f16 [6 4] over f32 [6 4]: want f32 over", func(b *bench) Tensor { return b.SetRows(b.m, b.half, b.far) }},
	{"set_rows: f32 [6 4] over q8_0 [32 4]", func(b *bench) Tensor { return b.SetRows(b.q8, b.m, b.far) }},
	{"set_rows: f32 [8 4] over f32 [6 4]: want matrices with rows of one length", func(b *bench) Tensor { return b.SetRows(b.m, b.wide, b.far) }},
	{"set_rows: rows i32 [4], want i64 [4]", func(b *bench) Tensor { return b.SetRows(b.m, b.m, b.ids) }},
	{"set_rows: rows i64 [2] are not an input", func(b *bench) Tensor {
		return b.SetRows(b.m, b.View(b.m, []int{0, 0}, 6, 2), b.View(b.far, []int{0}, 2))
	}},
	{"set_rows: f32 [6 4] lies in a mapped store", func(b *bench) Tensor { return b.SetRows(b.readOnly, b.m, b.far) }},

	// Products and attention.
	{"mul_mat: f32 [6 4] by f16 [6 4]: want numbers by f32", func(b *bench) Tensor { return b.MulMat(b.m, b.half) }},
	{"mul_mat: i32 [6 4] by f32 [6 4]", func(b *bench) Tensor { return b.MulMat(b.i32, b.m) }},
	{"mul_mat: f32 [6 4] by f32 [6 4]: rows are not contiguous", func(b *bench) Tensor { return b.MulMat(b.t, b.m) }},
	{"mul_mat: f32 [6 4] by f32 [6 4]: rows are not contiguous", func(b *bench) Tensor { return b.MulMat(b.m, b.t) }},
	{"mul_mat: f32 [6 4] by f32 [8 4]: rows of 6 and 8", func(b *bench) Tensor { return b.MulMat(b.m, b.wide) }},
	{"mul_mat: f32 [6] by f32 [6 4]: a row is longer than the step to the next", func(b *bench) Tensor {
		return b.MulMat(b.Transpose(b.Input("column", gguf.F32, 1, 6)), b.m)
	}},
	{"mul_mat: f32 [6 4] by f32 [6]: a row is longer than the step to the next", func(b *bench) Tensor {
		return b.MulMat(b.m, b.Transpose(b.Input("column", gguf.F32, 1, 6)))
	}},
	{"mul_mat: f32 [6 4 2] does not repeat to f32 [6 4]", func(b *bench) Tensor { return b.MulMat(b.cube, b.m) }},
	{"mul_mat: result: shape", func(b *bench) Tensor {
		x := b.Input("long", gguf.F32, 1, 1<<30)
		return b.MulMat(x, x)
	}},
	{"mul_mat: q4_0 [32 8] by f32 [32 1 1 2]: the layout of the weights does not multiply this", func(b *bench) Tensor {
		return b.MulMat(b.repacked, b.Input("x", gguf.F32, 32, 1, 1, 2))
	}},
	{"soft_max: f16 [6 4]: want f32", func(b *bench) Tensor { return b.SoftMax(b.half, Tensor{}, 1) }},
	{"soft_max: f32 [6 4] by NaN", func(b *bench) Tensor { return b.SoftMax(b.m, Tensor{}, nan) }},
	{"soft_max: f32 [6 4] by 1: want a contiguous tensor", func(b *bench) Tensor { return b.SoftMax(b.strip, Tensor{}, 1) }},
	{"soft_max: mask is i32 [6 4], want contiguous f32 or f16", func(b *bench) Tensor { return b.SoftMax(b.m, b.i32, 1) }},
	{"soft_max: mask is f32 [6 4], want contiguous", func(b *bench) Tensor { return b.SoftMax(b.m, b.strip, 1) }},
	{"soft_max: mask f32 [8 4] over scores f32 [6 4]", func(b *bench) Tensor { return b.SoftMax(b.m, b.wide, 1) }},
	{"soft_max: operand 2: gone: used after Close", func(b *bench) Tensor { return b.SoftMax(b.m, b.gone, 1) }},
	{"rope: operand 2: no tensor", func(b *bench) Tensor { return b.RoPE(b.cube, Tensor{}, 1e4) }},
	{"rope: operand 2: gone: used after Close", func(b *bench) Tensor { return b.RoPE(b.cube, b.gone, 1e4) }},
	{"rope: f32 [5 4]", func(b *bench) Tensor { return b.RoPE(b.View(b.m, []int{0, 0}, 5, 4), b.ids, 1e4) }},
	{"rope: f16 [6 4] (rows contiguous: true): want f32 in contiguous rows of even length", func(b *bench) Tensor { return b.RoPE(b.half, b.ids, 1e4) }},
	{"rope: positions i32 [4] (contiguous: true) for f32 [6 4 2], want i32 [2]", func(b *bench) Tensor { return b.RoPE(b.cube, b.ids, 1e4) }},
	{"rope: positions i32 [4] (contiguous: false)", func(b *bench) Tensor {
		column := b.Transpose(b.View(b.i32, []int{0, 0}, 1, 4)) // [4], 6 apart
		return b.RoPE(b.Permute(b.m, 0, 2, 1, 3), column, 1e4)
	}},
	{"rope: base 0, want more than 0", func(b *bench) Tensor { return b.RoPE(b.cube, b.View(b.ids, []int{0}, 2), 0) }},
	{"rope: base NaN", func(b *bench) Tensor { return b.RoPE(b.cube, b.View(b.ids, []int{0}, 2), nan) }},
	{"patches: f32 [6 4 2] in squares of side 0", func(b *bench) Tensor { return b.Patches(b.cube, 0) }},
	{"patches: f32 [6 4 2] in squares of side 3, want [w h c] in whole squares", func(b *bench) Tensor { return b.Patches(b.cube, 3) }},
	{"patches: f32 [6 4] (contiguous: false): want a contiguous image", func(b *bench) Tensor { return b.Patches(b.strip, 2) }},
	{"patches: operand 1 is f16", func(b *bench) Tensor { return b.Patches(b.half, 2) }},

	// Ends of the building.
	{"compile: output 1 is not of this graph", func(b *bench) Tensor { b.Compile(b.other); return Tensor{} }},
	{"compile: output 2 is not of this graph", func(b *bench) Tensor { b.Compile(b.m, b.q8); return Tensor{} }},
	{"compile: nothing to compute", func(b *bench) Tensor { b.Compile(b.m); return Tensor{} }},
	{"run: not a tensor of this graph", func(b *bench) Tensor { b.Run(b.other); return Tensor{} }},
	{"run: not a tensor of this graph", func(b *bench) Tensor { b.Run(Tensor{}); return Tensor{} }},
	{"sqr: the graph is compiled already", func(b *bench) Tensor { b.Compile(b.Sqr(b.m)); return b.Sqr(b.m) }},
	{"run: the graph is compiled already", func(b *bench) Tensor { b.Compile(b.Sqr(b.m)); b.Run(b.m); return Tensor{} }},
	{"compile: no memory on CPU for the intermediate results", func(b *bench) Tensor {
		b.Compile(b.Sqr(b.Input("x", gguf.F32, 1<<30, 1<<16)))
		return Tensor{}
	}},
	{"sqr: the graph is full: it was made for 60 nodes", func(b *bench) Tensor {
		x := b.m
		for range 60 {
			x = b.Sqr(x)
		}
		return x
	}},
	{"patches: the graph is full", func(b *bench) Tensor {
		for b.room > 1 {
			b.Input("x", gguf.F32, 1)
		}
		return b.Patches(b.cube, 2)
	}},
	{"sqr: graph: used after Close", func(b *bench) Tensor { b.Close(); return b.Sqr(b.m) }},
	{"run: graph: used after Close", func(b *bench) Tensor { b.Close(); b.Run(b.m); return Tensor{} }},
	{"input x: graph: used after Close", func(b *bench) Tensor { b.Close(); return b.Input("x", gguf.F32, 1) }},
}

// kernelRefusals are calls against the rules of operations that only backends of
// NewKernelBackend have.
var kernelRefusals = []refusal{
	{"attention: operand 4: a tensor of another graph", func(b *bench) Tensor { return b.Attention(b.m, b.m, b.m, b.other, 1, 0) }},
	{"attention: operand 3: no tensor", func(b *bench) Tensor { return b.Attention(b.m, b.m, Tensor{}, Tensor{}, 1, 0) }},
	{"q f16 [6 4], k f32 [6 4], v f32 [6 4]: want f32 queries", func(b *bench) Tensor { return b.Attention(b.half, b.m, b.m, Tensor{}, 1, 0) }},
	{"want f32 queries, f32 or f16 keys and values", func(b *bench) Tensor { return b.Attention(b.m, b.i32, b.i32, Tensor{}, 1, 0) }},
	{"want f32 queries, f32 or f16 keys and values", func(b *bench) Tensor { return b.Attention(b.m, b.half, b.m, Tensor{}, 1, 0) }},
	{"f32 or f16 keys and values, in contiguous rows", func(b *bench) Tensor { return b.Attention(b.m, b.t, b.m, Tensor{}, 1, 0) }},
	{"want [e n h], [e m hk], [m e hk], e a multiple of 8", func(b *bench) Tensor { return b.Attention(b.m, b.m, b.Transpose(b.m), Tensor{}, 1, 0) }},
	{"want [e n h], [e m hk], [m e hk]", func(b *bench) Tensor { return b.Attention(b.wide, b.m, b.Transpose(b.m), Tensor{}, 1, 0) }},
	{"want [e n h], [e m hk], [m e hk]", func(b *bench) Tensor { return b.Attention(b.wide, b.wide, b.wide, Tensor{}, 1, 0) }},
	{"attention: values f32 [4 8] are contiguous neither by token nor by channel", func(b *bench) Tensor {
		apart := b.View(b.Input("v", gguf.F32, 2, 4, 8), []int{0, 0, 0}, 1, 4, 8)
		return b.Attention(b.wide, b.wide, b.Permute(apart, 2, 0, 1, 3), Tensor{}, 1, 0)
	}},
	{"attention: mask f32 [6 4], want f32 [4 4]", func(b *bench) Tensor { return b.Attention(b.wide, b.wide, b.Transpose(b.wide), b.m, 1, 0) }},
	{"attention: scale NaN, softcap 0: want finite", func(b *bench) Tensor {
		return b.Attention(b.wide, b.wide, b.Transpose(b.wide), Tensor{}, nan, 0)
	}},
	{"attention: scale 1, softcap -1", func(b *bench) Tensor {
		return b.Attention(b.wide, b.wide, b.Transpose(b.wide), Tensor{}, 1, -1)
	}},

	{"norm: operand 1 is f16 [6 4]", func(b *bench) Tensor { return RMSNorm{W: b.row()}.Forward(b.Graph, b.half) }},
	{"norm: epsilon is NaN, want 0 or more", func(b *bench) Tensor { return RMSNorm{b.row(), nan}.Forward(b.Graph, b.m) }},
	{"norm: f32 [8 4] by f32 [6]: want a matrix and as many weights", func(b *bench) Tensor {
		return RMSNorm{W: b.row()}.Forward(b.Graph, b.wide)
	}},
	{"norm: f32 [6 4 2] by f32 [6]", func(b *bench) Tensor { return RMSNorm{W: b.row()}.Forward(b.Graph, b.cube) }},
	{"norm: f32 [6 4] by f32 [6]", func(b *bench) Tensor { return LayerNorm{W: b.row(), B: b.m}.Forward(b.Graph, b.m) }},

	{"linear: operand 1 is f16 [6 4]", func(b *bench) Tensor { return Linear{W: b.packed}.Forward(b.Graph, b.half) }},
	{"linear: f32 [64 64] by f32 [6 4]: rows of 64 and 6", func(b *bench) Tensor { return Linear{W: b.packed}.GELU(b.Graph, b.m) }},
	{"linear: f32 [64 64] by f32 [64 1 2]: rows of 64 and 64", func(b *bench) Tensor {
		return Linear{W: b.packed}.Forward(b.Graph, b.Input("x", gguf.F32, 64, 1, 2))
	}},
	{"linear: bias f32 [6] of weights f32 [64 64]", func(b *bench) Tensor {
		return Linear{b.packed, b.row()}.Forward(b.Graph, b.Input("x", gguf.F32, 64))
	}},
}
