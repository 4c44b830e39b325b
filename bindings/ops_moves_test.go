package bindings

import "github.com/pgcli/paligemma/gguf"

// Operations that only move numbers, or round them to another type: all bit
// for bit.

// moved makes the definition of a result of shape ne from a function that says
// which element of the first operand each of its elements is.
func moved(ne [4]int, from func(i, j, k, l int) [4]int) func(x []array) []float64 {
	return func(x []array) []float64 {
		return fill(ne, func(i, j, k, l int) float64 {
			p := from(i, j, k, l)
			return x[0].at(p[0], p[1], p[2], p[3])
		})
	}
}

// unchanged is the first operand itself, rounded to type t.
func unchanged(t gguf.Type) func(x []array) []float64 {
	return func(x []array) []float64 { return round(t, x[0].v) }
}

// joined makes the definition of Concat along axis dim.
func joined(dim int) func(x []array) []float64 {
	return func(x []array) []float64 {
		ne := x[0].ne
		n := ne[dim]
		ne[dim] += x[1].ne[dim]
		return fill(ne, func(i, j, k, l int) float64 {
			p := [4]int{i, j, k, l}
			if p[dim] < n {
				return x[0].at(i, j, k, l)
			}
			p[dim] -= n
			return x[1].at(p[0], p[1], p[2], p[3])
		})
	}
}

func concat(dim int) func(c *Context, x []Tensor) Tensor {
	return func(c *Context, x []Tensor) Tensor { return c.Concat(x[0], x[1], dim) }
}

// picked is the definition of GetRows.
func picked(x []array) []float64 {
	return fill([4]int{x[0].ne[0], x[1].ne[0], 1, 1}, func(i, j, _, _ int) float64 {
		return x[0].at(i, int(x[1].v[j]), 0, 0)
	})
}

// replaced makes the definition of SetRows: rows x[2] of x[0] become x[1],
// rounded to type t.
func replaced(t gguf.Type) func(x []array) []float64 {
	return func(x []array) []float64 {
		out, n := append([]float64(nil), x[0].v...), x[0].ne[0]
		for j, row := range x[2].v {
			copy(out[int(row)*n:], round(t, x[1].v[j*n:j*n+n]))
		}
		return out
	}
}

func setRows(c *Context, x []Tensor) Tensor { return c.SetRows(x[0], x[1], x[2]) }

func castTo(t gguf.Type) func(c *Context, x []Tensor) Tensor {
	return func(c *Context, x []Tensor) Tensor { return c.Cast(x[0], t) }
}

var moves = []opCase{
	{name: "Cont/of view", in: []source{random(gguf.F32, 20, 6, 4)},
		op: func(c *Context, x []Tensor) Tensor {
			return c.Cont(c.View(x[0], [4]int64{7, 3, 2, 1}, 2*20*4, 20*6*4, 20*6*4*4, (3+20)*4))
		},
		want: moved([4]int{7, 3, 2, 1}, func(i, j, k, _ int) [4]int { return [4]int{i + 3, 2*j + 1, k, 0} })},
	{name: "View", in: []source{random(gguf.F32, 20, 6)},
		op: func(c *Context, x []Tensor) Tensor {
			return c.Scale(c.View(x[0], [4]int64{20, 2, 1, 1}, 80, 160, 160, 240), 1, 0)
		},
		want: moved([4]int{20, 2, 1, 1}, func(i, j, _, _ int) [4]int { return [4]int{i, j + 3, 0, 0} })},
	{name: "Reshape", in: []source{random(gguf.F32, 24, 5, 3)},
		op:   func(c *Context, x []Tensor) Tensor { return c.Scale(c.Reshape(x[0], [4]int64{8, 3, 15, 1}), 1, 0) },
		want: unchanged(gguf.F32)},
	{name: "Permute", in: []source{random(gguf.F32, 8, 5, 3, 2)},
		op:   func(c *Context, x []Tensor) Tensor { return c.Cont(c.Permute(x[0], [4]int32{0, 2, 1, 3})) },
		want: moved([4]int{8, 3, 5, 2}, func(i, j, k, l int) [4]int { return [4]int{i, k, j, l} })},
	{name: "Permute/all", in: []source{random(gguf.F32, 8, 5, 3, 2)},
		op:   func(c *Context, x []Tensor) Tensor { return c.Cont(c.Permute(x[0], [4]int32{1, 2, 3, 0})) },
		want: moved([4]int{2, 8, 5, 3}, func(i, j, k, l int) [4]int { return [4]int{j, k, l, i} })},
	{name: "Permute/transpose", in: []source{random(gguf.F32, 19, 7, 3)},
		op:   func(c *Context, x []Tensor) Tensor { return c.Cont(c.Permute(x[0], [4]int32{1, 0, 2, 3})) },
		want: moved([4]int{7, 19, 3, 1}, func(i, j, k, _ int) [4]int { return [4]int{j, i, k, 0} })},

	{name: "Concat/0", in: []source{random(gguf.F32, 7, 3, 2), random(gguf.F32, 4, 3, 2)}, op: concat(0), want: joined(0)},
	{name: "Concat/1", in: []source{random(gguf.F32, 7, 3, 2), random(gguf.F32, 7, 5, 2)}, op: concat(1), want: joined(1)},
	{name: "Concat/2", in: []source{random(gguf.F32, 7, 3, 2, 2), random(gguf.F32, 7, 3, 1, 2)}, op: concat(2), want: joined(2)},
	{name: "Concat/3", in: []source{random(gguf.F32, 7, 3, 2), random(gguf.F32, 7, 3, 2)}, op: concat(3), want: joined(3)},

	{name: "Cast/f16", in: alone, op: castTo(gguf.F16), out: gguf.F16, want: unchanged(gguf.F16)},
	{name: "Cast/bf16", in: alone, op: castTo(gguf.BF16), out: gguf.BF16, want: unchanged(gguf.BF16)},
	{name: "Cast/q8_0", in: []source{random(gguf.F32, 96, 5)}, op: castTo(gguf.Q8_0), out: gguf.Q8_0, want: unchanged(gguf.Q8_0)},
	{name: "Cast/from f16", in: []source{random(gguf.F16, 67, 5)}, op: castTo(gguf.F32), want: unchanged(gguf.F32)},
	{name: "Cast/from q8_0", in: []source{random(gguf.Q8_0, 96, 5)}, op: castTo(gguf.F32), want: unchanged(gguf.F32)},
	{name: "Copy", in: []source{random(gguf.F32, 67, 5), random(gguf.F16, 67, 5)}, op: pair((*Context).Copy), out: gguf.F16,
		want: unchanged(gguf.F16)},
	// As a KV cache is written: into rows 2 and 3 of a longer tensor.
	{name: "Copy/into view", in: []source{random(gguf.F32, 16, 2), random(gguf.F16, 16, 5)}, out: gguf.F16,
		op: func(c *Context, x []Tensor) Tensor {
			return c.Copy(x[0], c.View(x[1], [4]int64{16, 2, 1, 1}, 32, 160, 160, 64))
		},
		want: unchanged(gguf.F16)},

	{name: "GetRows/f32", in: []source{random(gguf.F32, 67, 50), below(gguf.I32, 50, 20)}, op: pair((*Context).GetRows), want: picked},
	{name: "GetRows/f16", in: []source{random(gguf.F16, 67, 50), below(gguf.I32, 50, 20)}, op: pair((*Context).GetRows), want: picked},
	{name: "GetRows/bf16", in: []source{random(gguf.BF16, 67, 50), below(gguf.I32, 50, 20)}, op: pair((*Context).GetRows), want: picked},
	{name: "GetRows/q8_0", in: []source{random(gguf.Q8_0, 96, 50), below(gguf.I32, 50, 20)}, op: pair((*Context).GetRows), want: picked},
	{name: "GetRows/q4_0", in: []source{random(gguf.Q4_0, 96, 50), below(gguf.I32, 50, 20)}, op: pair((*Context).GetRows), want: picked},
	{name: "GetRows/q4_K", in: []source{blocks(gguf.Q4_K, []int{0, 2}, 512, 20), below(gguf.I32, 20, 9)},
		op: pair((*Context).GetRows), want: picked, tol: ofRMS(1e-6)},
	{name: "GetRows/q6_K", in: []source{blocks(gguf.Q6_K, []int{208}, 512, 20), below(gguf.I32, 20, 9)},
		op: pair((*Context).GetRows), want: picked, tol: ofRMS(1e-6)},
	{name: "SetRows/f32", in: []source{random(gguf.F32, 64, 9), random(gguf.F32, 64, 9), permutation(gguf.I64, 9)}, op: setRows, want: replaced(gguf.F32)},
	{name: "SetRows/f16", in: []source{random(gguf.F16, 64, 9), random(gguf.F32, 64, 9), permutation(gguf.I64, 9)}, op: setRows,
		out: gguf.F16, want: replaced(gguf.F16)},
	{name: "SetRows/q8_0", in: []source{random(gguf.Q8_0, 64, 9), random(gguf.F32, 64, 9), permutation(gguf.I64, 9)}, op: setRows,
		out: gguf.Q8_0, want: replaced(gguf.Q8_0)},

	// Patches of 4x3 pixels: the kernel's order is x, y, channel.
	{name: "Patches/f32", in: []source{random(gguf.F32, 4, 3, 3, 8), random(gguf.F32, 20, 12, 3)}, want: patches,
		op: func(c *Context, x []Tensor) Tensor { return c.Patches(x[0], x[1], 4, 3, gguf.F32) }},
	{name: "Patches/f16", in: []source{random(gguf.F16, 4, 3, 3, 8), random(gguf.F32, 20, 12, 3)}, out: gguf.F16,
		op:   func(c *Context, x []Tensor) Tensor { return c.Patches(x[0], x[1], 4, 3, gguf.F16) },
		want: func(x []array) []float64 { return round(gguf.F16, patches(x)) }},
}

// patches is the definition of Patches for patches of 4x3 pixels.
func patches(x []array) []float64 {
	return fill([4]int{4 * 3 * 3, 5, 4, 1}, func(i, px, py, _ int) float64 {
		dx, dy, ch := i%4, i/4%3, i/12
		return x[1].at(px*4+dx, py*3+dy, ch, 0)
	})
}
