package nn

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// A bench is a graph with tensors of many kinds to refuse.
type bench struct {
	*Graph
	m, wide, t  Tensor // f32 [6 4], [8 4], and [6 4] as a transposed view
	cube, strip Tensor // f32 [6 4 2]; [6 4] whose rows lie 8 apart
	half, i32   Tensor // f16 [6 4], i32 [6 4]
	ids, far    Tensor // inputs i32 [4] and i64 [4]
	q8, fixed   Tensor // of stores: q8_0 [32 4], and mapped f32 [6 4]
	tiled       Tensor // a repacked weight, q4_0 [32 8]
	other       Tensor // of another graph
	gone        Tensor // of a closed store
}

func newBench(t *testing.T, dev bindings.Device) *bench {
	mapped, err := MapStore(dev, "mapped", page(1<<10), []Spec{
		{Name: "f", Type: gguf.F32, Shape: []int{6, 4}},
		{Name: "p", Type: gguf.Q4_0, Shape: []int{32, 8}, Offset: 128, Product: true},
	}, true)
	must(t, err)
	t.Cleanup(func() { must(t, mapped.Close()) })
	q8 := newStore(t, dev, Spec{Name: "q8", Type: gguf.Q8_0, Shape: []int{32, 4}})
	closed, err := NewStore(dev, "gone", []Spec{{Name: "x", Type: gguf.F32, Shape: []int{6, 4}}})
	must(t, err)
	must(t, closed.Close())
	w := NewWeights(mapped)
	back := newBackend(t, dev, 1)
	g := newGraph(t, back, 60, nil)
	b := &bench{
		Graph: g,
		m:     g.Input("m", gguf.F32, 6, 4),
		wide:  g.Input("wide", gguf.F32, 8, 4),
		cube:  g.Input("cube", gguf.F32, 6, 4, 2),
		half:  g.Input("half", gguf.F16, 6, 4),
		i32:   g.Input("i32", gguf.I32, 6, 4),
		ids:   g.Input("ids", gguf.I32, 4),
		far:   g.Input("far", gguf.I64, 4),
		q8:    NewWeights(q8).Get("q8", 32, 4),
		fixed: w.Get("f", 6, 4),
		tiled: w.Get("p", 32, 8),
		other: newGraph(t, back, 4, nil).Input("other", gguf.F32, 6, 4),
		gone:  NewWeights(closed).Get("x", 6, 4),
	}
	b.t = g.Transpose(g.Input("turned", gguf.F32, 4, 6))
	b.strip = g.View(b.wide, []int{1, 0}, 6, 4)
	must(t, g.Err())
	return b
}

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

// refusals are calls against each rule of each operation, and parts of the
// error they must give: the operation, what was met, what is wanted.
var refusals = []struct {
	want string
	do   func(b *bench) Tensor
}{
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
	{"add: operand 1: q4_0 [32 8] is kept in the layout that only mul_mat reads", func(b *bench) Tensor { return b.Add(b.tiled, b.m) }},
	{"get_rows: operand 1: q4_0 [32 8] is kept in the layout", func(b *bench) Tensor { return b.GetRows(b.tiled, b.ids) }},
	{"reshape: operand 1: q4_0 [32 8] is kept in the layout", func(b *bench) Tensor { return b.Reshape(b.tiled, 256) }},
	{"mul_mat: operand 2: q4_0 [32 8] is kept in the layout", func(b *bench) Tensor { return b.MulMat(b.m, b.tiled) }},

	// Arithmetic.
	{"add: operand 1 is f16 [6 4] (rows contiguous: true), want f32", func(b *bench) Tensor { return b.Add(b.half, b.m) }},
	{"sub: operand 2 is i32 [6 4]", func(b *bench) Tensor { return b.Sub(b.m, b.i32) }},
	{"mul: operand 1 is f32 [6 4] (rows contiguous: false), want f32 with contiguous rows", func(b *bench) Tensor { return b.Mul(b.t, b.m) }},
	{"div: f32 [8 4] does not repeat to f32 [6 4]", func(b *bench) Tensor { return b.Div(b.m, b.wide) }},
	{"add: f32 [6 4 2] does not repeat to f32 [6 4]", func(b *bench) Tensor { return b.Add(b.m, b.cube) }},
	{"tanh: operand 1 is q8_0 [32 4]", func(b *bench) Tensor { return b.Tanh(b.q8) }},
	{"exp: f32 [6 2 4] has permuted rows", func(b *bench) Tensor { return b.Exp(b.Permute(b.cube, 0, 2, 1, 3)) }},
	{"silu: f32 [6 1 4] has permuted rows", func(b *bench) Tensor { return b.SiLU(b.Permute(b.m, 0, 2, 1, 3)) }},
	{"sqr: f32 [6 1 4] has permuted rows", func(b *bench) Tensor { return b.GELU(b.Permute(b.strip, 0, 2, 1, 3)) }},
	{"exp: f32 [5 1 4] has permuted rows", func(b *bench) Tensor {
		return b.Exp(b.View(b.Reshape(b.m, 6, 1, 4), []int{0, 0, 0}, 5, 1, 4))
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
	{"sum_rows: operand 1 is f32 [6 4] (rows contiguous: false)", func(b *bench) Tensor { return b.SumRows(b.t) }},
	{"mean: operand 1 is i32 [6 4]", func(b *bench) Tensor { return b.Mean(b.i32) }},
	{"argmax: f32 [6 4 2]: want a contiguous matrix", func(b *bench) Tensor { return b.Argmax(b.cube) }},
	{"argmax: f32 [6 4]: want a contiguous matrix", func(b *bench) Tensor { return b.Argmax(b.strip) }},
	{"argsort: f32 [6 4] is not contiguous", func(b *bench) Tensor { return b.Argsort(b.strip, true) }},
	{"argsort: f32 [6 1 4] is not contiguous", func(b *bench) Tensor { return b.Argsort(b.Permute(b.m, 0, 2, 1, 3), true) }},

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
	{"copy: f32 [6 4] lies in a mapped store, which is read only", func(b *bench) Tensor { return b.Copy(b.m, b.fixed) }},
	{"copy: f32 [3 4] lies in a mapped store", func(b *bench) Tensor {
		return b.Copy(b.View(b.m, []int{0, 0}, 3, 4), b.View(b.Reshape(b.fixed, 6, 4), []int{0, 0}, 3, 4))
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
	{"repeat: f32 [6 4] to [9 4]: axis 0 is no multiple", func(b *bench) Tensor { return b.Repeat(b.m, 9, 4) }},
	{"repeat: f32 [6 4] (rows contiguous: false)", func(b *bench) Tensor { return b.Repeat(b.t, 6, 8) }},
	{"repeat: i64 [4]", func(b *bench) Tensor { return b.Repeat(b.far, 8) }},
	{"repeat: f32 [6 4]: shape [] has 0 axes", func(b *bench) Tensor { return b.Repeat(b.m) }},
	{"pad: f32 [6 4] by [-1]: want 0 or more", func(b *bench) Tensor { return b.Pad(b.m, -1) }},
	{"pad: f32 [6 4] by [0 0 0 0 0]: want 0 or more for each of up to 4 axes", func(b *bench) Tensor { return b.Pad(b.m, 0, 0, 0, 0, 0) }},
	{"pad: operand 1 is f16 [6 4]", func(b *bench) Tensor { return b.Pad(b.half, 1) }},
	{"pad: result: shape", func(b *bench) Tensor { return b.Pad(b.m, math.MaxInt32) }},
	{"pad: result: shape", func(b *bench) Tensor { return b.Pad(b.m, 1<<30, 1<<30) }},
	{"get_rows: f32 [6 4 2] (rows contiguous: true): want a matrix", func(b *bench) Tensor { return b.GetRows(b.cube, b.ids) }},
	{"get_rows: i32 [6 4]", func(b *bench) Tensor { return b.GetRows(b.i32, b.ids) }},
	{"get_rows: f32 [6 4] (rows contiguous: false)", func(b *bench) Tensor { return b.GetRows(b.t, b.ids) }},
	{"get_rows: rows i64 [4], want i32 [n]", func(b *bench) Tensor { return b.GetRows(b.m, b.far) }},
	{"get_rows: rows i32 [6 4], want i32 [n]", func(b *bench) Tensor { return b.GetRows(b.m, b.i32) }},
	{"get_rows: rows i32 [4] are not an input of this graph", func(b *bench) Tensor { return b.GetRows(b.m, b.Argmax(b.m)) }},
	{"get_rows: rows i32 [2] are not an input", func(b *bench) Tensor { return b.GetRows(b.m, b.View(b.ids, []int{1}, 2)) }},
	{"set_rows: f16 [6 4] over f32 [6 4]: want f32 over", func(b *bench) Tensor { return b.SetRows(b.m, b.half, b.far) }},
	{"set_rows: f32 [6 4] over q8_0 [32 4]", func(b *bench) Tensor { return b.SetRows(b.q8, b.m, b.far) }},
	{"set_rows: f32 [8 4] over f32 [6 4]: want matrices with rows of one length", func(b *bench) Tensor { return b.SetRows(b.m, b.wide, b.far) }},
	{"set_rows: rows i32 [4], want i64 [4]", func(b *bench) Tensor { return b.SetRows(b.m, b.m, b.ids) }},
	{"set_rows: rows i64 [2] are not an input", func(b *bench) Tensor {
		return b.SetRows(b.m, b.View(b.m, []int{0, 0}, 6, 2), b.View(b.far, []int{0}, 2))
	}},
	{"set_rows: f32 [6 4] lies in a mapped store", func(b *bench) Tensor { return b.SetRows(b.fixed, b.m, b.far) }},
	{"custom: result f32 [3] of 0 operands in 1 tasks: want", func(b *bench) Tensor { return b.Custom(idle, gguf.F32, 1, []int{3}) }},
	{"of 1 operands in 0 tasks", func(b *bench) Tensor { return b.Custom(idle, gguf.F32, 0, []int{3}, b.m) }},
	{"of 10 operands in 1 tasks: want a shape, 1 to 9 operands", func(b *bench) Tensor {
		return b.Custom(idle, gguf.F32, 1, []int{3}, b.m, b.m, b.m, b.m, b.m, b.m, b.m, b.m, b.m, b.m)
	}},
	{"custom: result f32 [0]", func(b *bench) Tensor { return b.Custom(idle, gguf.F32, 1, []int{0}, b.m) }},

	// Products and attention.
	{"mul_mat: f32 [6 4] by f16 [6 4]: want numbers by f32", func(b *bench) Tensor { return b.MulMat(b.m, b.half) }},
	{"mul_mat: i32 [6 4] by f32 [6 4]", func(b *bench) Tensor { return b.MulMat(b.i32, b.m) }},
	{"mul_mat: f32 [6 4] by f32 [6 4]: rows are not contiguous", func(b *bench) Tensor { return b.MulMat(b.t, b.m) }},
	{"mul_mat: f32 [6 4] by f32 [6 4]: rows are not contiguous", func(b *bench) Tensor { return b.MulMat(b.m, b.t) }},
	{"mul_mat: f32 [6 4] by f32 [8 4]: rows of 6 and 8", func(b *bench) Tensor { return b.MulMat(b.m, b.wide) }},
	{"mul_mat: f32 [6 4 2] does not repeat to f32 [6 4]", func(b *bench) Tensor { return b.MulMat(b.cube, b.m) }},
	{"mul_mat: result: shape", func(b *bench) Tensor {
		x := b.Input("long", gguf.F32, 1, 1<<30)
		return b.MulMat(x, x)
	}},
	{"mul_mat: q4_0 [32 8] by f32 [32 1 1 2]: the layout of the weights does not multiply this", func(b *bench) Tensor {
		return b.MulMat(b.tiled, b.Input("x", gguf.F32, 32, 1, 1, 2))
	}},
	{"soft_max: f16 [6 4]: want f32", func(b *bench) Tensor { return b.SoftMax(b.half, Tensor{}, 1) }},
	{"soft_max: f32 [6 4] by NaN", func(b *bench) Tensor { return b.SoftMax(b.m, Tensor{}, nan) }},
	{"soft_max: f32 [6 4] by 1: want a contiguous tensor", func(b *bench) Tensor { return b.SoftMax(b.strip, Tensor{}, 1) }},
	{"soft_max: mask is i32 [6 4], want contiguous f32 or f16", func(b *bench) Tensor { return b.SoftMax(b.m, b.i32, 1) }},
	{"soft_max: mask is f32 [6 4], want contiguous", func(b *bench) Tensor { return b.SoftMax(b.m, b.strip, 1) }},
	{"soft_max: mask f32 [8 4] over scores f32 [6 4]", func(b *bench) Tensor { return b.SoftMax(b.m, b.wide, 1) }},
	{"soft_max: operand 2: gone: used after Close", func(b *bench) Tensor { return b.SoftMax(b.m, b.gone, 1) }},
	{"flash_attn: operand 4: a tensor of another graph", func(b *bench) Tensor { return b.FlashAttention(b.m, b.m, b.m, b.other, 1, 0) }},
	{"q f16 [6 4], k f32 [6 4], v f32 [6 4]: want f32 queries", func(b *bench) Tensor { return b.FlashAttention(b.half, b.m, b.m, Tensor{}, 1, 0) }},
	{"want f32 queries, f32 or f16 keys and values", func(b *bench) Tensor { return b.FlashAttention(b.m, b.i32, b.m, Tensor{}, 1, 0) }},
	{"flash_attn: q f32 [6 4], k f32 [6 4], v f32 [6 4]: rows are not contiguous", func(b *bench) Tensor { return b.FlashAttention(b.m, b.t, b.m, Tensor{}, 1, 0) }},
	{"want [e n h], [e m hk], [e m hk]", func(b *bench) Tensor { return b.FlashAttention(b.m, b.wide, b.m, Tensor{}, 1, 0) }},
	{"want [e n h], [e m hk], [e m hk]", func(b *bench) Tensor { return b.FlashAttention(b.m, b.cube, b.cube, Tensor{}, 1, 0) }},
	{"flash_attn: mask is i32", func(b *bench) Tensor { return b.FlashAttention(b.m, b.m, b.m, b.i32, 1, 0) }},
	{"flash_attn: mask f32 [6 4], want f16 [4 4]", func(b *bench) Tensor { return b.FlashAttention(b.m, b.m, b.m, b.m, 1, 0) }},
	{"flash_attn: scale NaN, softcap 0: want finite", func(b *bench) Tensor { return b.FlashAttention(b.m, b.m, b.m, Tensor{}, nan, 0) }},
	{"flash_attn: scale 1, softcap -1", func(b *bench) Tensor { return b.FlashAttention(b.m, b.m, b.m, Tensor{}, 1, -1) }},
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

// idle computes nothing.
var idle = bindings.CustomFromGo(func(bindings.Tensor, int, int) {})

// TestRefusals holds the error of each wrong call: it must say what is wrong,
// stay the graph's first error and make all that follows do nothing.
func TestRefusals(t *testing.T) {
	dev := anyDoor(t)
	for _, c := range refusals {
		t.Run(c.want, func(t *testing.T) {
			b := newBench(t, dev)
			if strings.Contains(c.want, "layout") && !b.tiled.tiled {
				t.Skip("this build of ggml has no layout of its own for q4_0: build with make")
			}
			if x := c.do(b); x.home != nil {
				t.Fatalf("accepted: %v", x)
			}
			err := b.Err()
			if err == nil || !strings.HasPrefix(err.Error(), "nn: ") || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if strings.Contains(c.want, ErrClosed.Error()) != errors.Is(err, ErrClosed) {
				t.Errorf("errors.Is(%q, ErrClosed) is %t", err, errors.Is(err, ErrClosed))
			}
			room := b.room
			if x := b.Add(b.m, b.m); x.home != nil || b.room != room {
				t.Error("an operation after the error was done")
			}
			b.Norm(b.half, nan)
			b.Run(b.m)
			if got := b.Compile(b.m); got != err || b.Err() != err || b.Compute(context.Background()) != err {
				t.Errorf("errors that follow %v, Err %v, want the first: %v", got, b.Err(), err)
			}
		})
	}
}

// TestLeavesFit reads as many weights as the graph was made for, beside an
// input, and then one more: ggml's list of both is of a fixed length.
func TestLeavesFit(t *testing.T) {
	dev := anyDoor(t)
	var specs []Spec
	for _, name := range []string{"a", "b", "c"} {
		specs = append(specs, Spec{Name: name, Type: gguf.F32, Shape: []int{4}})
	}
	w := NewWeights(newStore(t, dev, specs...))
	b := newBackend(t, dev, 1)
	full := newGraph(t, b, 2, nil)
	must(t, full.Compile(full.Custom(idle, gguf.F32, 1, []int{4}, full.Input("x", gguf.F32, 4), w.Get("a", 4), w.Get("b", 4))))

	g := newGraph(t, b, 2, nil)
	g.Custom(idle, gguf.F32, 1, []int{4}, w.Get("a", 4), w.Get("b", 4), w.Get("c", 4))
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "custom: the graph reads more than 2 tensors of stores") {
		t.Fatal(err)
	}
}
