package bindings

import (
	"math"

	"github.com/pgcli/paligemma/gguf"
)

// products makes the definition of MulMat: ggml rounds each row of the second
// operand by how, then sums exact products. The sum is in float32, so its
// error is relative to the root mean square of all.
//
// ggml's own 8-bit rounding multiplies by 127/amax on some processors and by
// the inverse of amax/127 on others. A value on the edge between two steps,
// about one in 100,000, can therefore differ by a step; the operands here have
// none.
func products(how func(row []float64) []float64) func(x []array) []float64 {
	return func(x []array) []float64 {
		a, b := x[0], x[1]
		n := a.ne[0]
		var rounded []float64
		for i := 0; i < len(b.v); i += n {
			rounded = append(rounded, how(b.v[i:i+n])...)
		}
		b.v = rounded
		// The third and fourth axes of a are repeated to the lengths of b's.
		return fill([4]int{a.ne[1], b.ne[1], b.ne[2], b.ne[3]}, func(i, j, k, l int) float64 {
			var sum float64
			for p := range n {
				sum += a.at(p, i, k*a.ne[2]/b.ne[2], l*a.ne[3]/b.ne[3]) * b.at(p, j, k, l)
			}
			return sum
		})
	}
}

func exactly(row []float64) []float64 { return row }
func asF16(row []float64) []float64   { return round(gguf.F16, row) }
func asBF16(row []float64) []float64  { return round(gguf.BF16, row) }
func asQ8_0(row []float64) []float64  { return round(gguf.Q8_0, row) }

// asQ8_K rounds in blocks of 256 with a float32 scale: the value of largest
// magnitude over -127.
func asQ8_K(row []float64) []float64 {
	var out []float64
	for i := 0; i < len(row); i += 256 {
		var extreme float32
		for _, x := range row[i : i+256] {
			if math.Abs(x) > math.Abs(float64(extreme)) {
				extreme = float32(x)
			}
		}
		inverse := -127 / extreme
		for _, x := range row[i : i+256] {
			q := min(127, math.RoundToEven(float64(inverse*float32(x))))
			out = append(out, q*float64(1/inverse))
		}
	}
	return out
}

// weights are MulMat's operands: [512, 33] of some type by [512, 5] and, to
// also take the kernels for single columns, by [512, 1].
func weights(a source, columns int) []source { return []source{a, random(gguf.F32, 512, columns)} }

var matrix = []opCase{
	{name: "MulMat/f32", in: weights(random(gguf.F32, 512, 33), 5), op: pair((*Context).MulMat), want: products(exactly), tol: ofRMS(1e-6)},
	{name: "MulMat/f32 vector", in: weights(random(gguf.F32, 512, 33), 1), op: pair((*Context).MulMat), want: products(exactly), tol: ofRMS(1e-6)},
	{name: "MulMat/f16", in: weights(random(gguf.F16, 512, 33), 5), op: pair((*Context).MulMat), want: products(asF16), tol: ofRMS(1e-6)},
	{name: "MulMat/f16 vector", in: weights(random(gguf.F16, 512, 33), 1), op: pair((*Context).MulMat), want: products(asF16), tol: ofRMS(1e-6)},
	{name: "MulMat/bf16", in: weights(random(gguf.BF16, 512, 33), 5), op: pair((*Context).MulMat), want: products(asBF16), tol: ofRMS(1e-6)},
	{name: "MulMat/bf16 vector", in: weights(random(gguf.BF16, 512, 33), 1), op: pair((*Context).MulMat), want: products(asBF16), tol: ofRMS(1e-6)},
	{name: "MulMat/q8_0", in: weights(random(gguf.Q8_0, 512, 33), 5), op: pair((*Context).MulMat), want: products(asQ8_0), tol: ofRMS(1e-6)},
	{name: "MulMat/q8_0 vector", in: weights(random(gguf.Q8_0, 512, 33), 1), op: pair((*Context).MulMat), want: products(asQ8_0), tol: ofRMS(1e-6)},
	{name: "MulMat/q4_0", in: weights(random(gguf.Q4_0, 512, 33), 5), op: pair((*Context).MulMat), want: products(asQ8_0), tol: ofRMS(1e-6)},
	{name: "MulMat/q4_0 vector", in: weights(random(gguf.Q4_0, 512, 33), 1), op: pair((*Context).MulMat), want: products(asQ8_0), tol: ofRMS(1e-6)},
	{name: "MulMat/q4_K", in: weights(blocks(gguf.Q4_K, []int{0, 2}, 512, 33), 5), op: pair((*Context).MulMat), want: products(asQ8_K), tol: ofRMS(1e-6)},
	{name: "MulMat/q4_K vector", in: weights(blocks(gguf.Q4_K, []int{0, 2}, 512, 33), 1), op: pair((*Context).MulMat), want: products(asQ8_K), tol: ofRMS(1e-6)},
	{name: "MulMat/q6_K", in: weights(blocks(gguf.Q6_K, []int{208}, 512, 33), 5), op: pair((*Context).MulMat), want: products(asQ8_K), tol: ofRMS(1e-6)},
	{name: "MulMat/q6_K vector", in: weights(blocks(gguf.Q6_K, []int{208}, 512, 33), 1), op: pair((*Context).MulMat), want: products(asQ8_K), tol: ofRMS(1e-6)},
	{name: "MulMat/spread", in: []source{random(gguf.F32, 64, 9, 2, 3), random(gguf.F32, 64, 7, 8, 3)}, op: pair((*Context).MulMat),
		want: products(exactly), tol: ofRMS(1e-6)},
}
