package bindings

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// softmax of one row of scores; a masked score is -Inf.
func softmax(s []float64) []float64 {
	top := math.Inf(-1)
	for _, x := range s {
		top = max(top, x)
	}
	var sum float64
	p := make([]float64, len(s))
	for i, x := range s {
		p[i] = math.Exp(x - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// softmaxes makes the definition of SoftMax; a mask is the second operand.
func softmaxes(scale float64) func(x []array) []float64 {
	return func(x []array) []float64 {
		ne, v := x[0].ne, []float64(nil)
		for r := range ne[1] * ne[2] {
			s := make([]float64, ne[0])
			for i := range s {
				s[i] = x[0].at(i, r%ne[1], r/ne[1], 0) * scale
				if len(x) > 1 {
					s[i] += x[1].at(i, r%ne[1], 0, 0)
				}
			}
			v = append(v, softmax(s)...)
		}
		return v
	}
}

// holes masks a third of the scores and shifts the others.
func holes(r *rand.Rand) float64 {
	if r.IntN(3) == 0 {
		return math.Inf(-1)
	}
	return r.NormFloat64()
}

// rotated is the definition of RoPE over the first dims elements.
func rotated(dims int, base float64) func(x []array) []float64 {
	return func(x []array) []float64 {
		a, half := x[0], dims/2
		return fill(a.ne, func(i, j, k, l int) float64 {
			if i >= dims {
				return a.at(i, j, k, l)
			}
			angle := x[1].v[k] * math.Pow(base, -2*float64(i%half)/float64(dims))
			if i < half {
				return a.at(i, j, k, l)*math.Cos(angle) - a.at(i+half, j, k, l)*math.Sin(angle)
			}
			return a.at(i, j, k, l)*math.Cos(angle) + a.at(i-half, j, k, l)*math.Sin(angle)
		})
	}
}

// ropeError is RoPE's error: ggml makes the angles in float32, each by
// multiplying the last, so angle i of position p is off by up to
// p*base^(-2i/dims)*i*2^-23. For p = 300, base 10000 and dims 256 that peaks
// at 2e-4.
const ropeError = 2e-4

func rope(dims int, base float32) func(c *Context, x []Tensor) Tensor {
	return func(c *Context, x []Tensor) Tensor { return c.RoPE(x[0], x[1], dims, base) }
}

// attended makes the definition of FlashAttention: query head h uses key head
// h/(H/K). q is rounded by how, as ggml does to the type of the keys.
func attended(scale, softcap float64, how func([]float64) []float64) func(x []array) []float64 {
	return func(x []array) []float64 {
		q, k, v := x[0], x[1], x[2]
		q.v = how(q.v)
		group := q.ne[2] / k.ne[2]
		var out []float64
		for n := range q.ne[1] {
			for h := range q.ne[2] {
				s := make([]float64, k.ne[1])
				for m := range s {
					for e := range q.ne[0] {
						s[m] += q.at(e, n, h, 0) * k.at(e, m, h/group, 0) * scale
					}
					if softcap != 0 {
						s[m] = softcap * math.Tanh(s[m]/softcap)
					}
					if len(x) > 3 {
						s[m] += x[3].at(m, n, 0, 0)
					}
				}
				p := softmax(s)
				for e := range v.ne[0] {
					var sum float64
					for m := range p {
						sum += p[m] * v.at(e, m, h/group, 0)
					}
					out = append(out, sum)
				}
			}
		}
		return out
	}
}

func flash(scale, softcap float32) func(c *Context, x []Tensor) Tensor {
	return func(c *Context, x []Tensor) Tensor {
		var mask Tensor
		if len(x) > 3 {
			mask = x[3]
		}
		return c.FlashAttention(x[0], x[1], x[2], mask, scale, softcap)
	}
}

// heads are FlashAttention's operands: 8 query heads, hk key heads of type t.
func heads(t gguf.Type, hk int) []source {
	return []source{random(gguf.F32, 64, 13, 8), random(t, 64, 37, hk), random(t, 64, 37, hk), values(gguf.F16, holes, 37, 13)}
}

// flashF16 is FlashAttention's error with float16 values, which ggml also sums
// in float16: 37 roundings of half a unit in the last place, 2^-11, of which
// most cancel.
const flashF16 = 5e-3

var attention = []opCase{
	{name: "SoftMax", in: []source{random(gguf.F32, 67, 5, 3)}, want: softmaxes(1), tol: relative(1e-6),
		op: func(c *Context, x []Tensor) Tensor { return c.SoftMax(x[0], Tensor{}, 1) }},
	{name: "SoftMax/scaled", in: []source{random(gguf.F32, 67, 5, 3)}, want: softmaxes(0.125), tol: relative(1e-6),
		op: func(c *Context, x []Tensor) Tensor { return c.SoftMax(x[0], Tensor{}, 0.125) }},
	{name: "SoftMax/mask", in: []source{random(gguf.F32, 67, 5, 3), values(gguf.F32, holes, 67, 5)}, want: softmaxes(0.125), tol: relative(1e-6),
		op: func(c *Context, x []Tensor) Tensor { return c.SoftMax(x[0], x[1], 0.125) }},
	{name: "SoftMax/f16 mask", in: []source{random(gguf.F32, 67, 5, 3), values(gguf.F16, holes, 67, 5)}, want: softmaxes(1), tol: relative(1e-6),
		op: func(c *Context, x []Tensor) Tensor { return c.SoftMax(x[0], x[1], 1) }},

	{name: "RoPE/256", in: []source{random(gguf.F32, 256, 3, 7), below(gguf.I32, 300, 7)}, op: rope(256, 10000),
		want: rotated(256, 10000), tol: ofRMS(ropeError)},
	{name: "RoPE/part", in: []source{random(gguf.F32, 128, 2, 5), below(gguf.I32, 300, 5)}, op: rope(64, 10000),
		want: rotated(64, 10000), tol: ofRMS(ropeError)},

	{name: "FlashAttention/f32", in: heads(gguf.F32, 8)[:3], op: flash(0.125, 0), want: attended(0.125, 0, exactly), tol: ofRMS(1e-6)},
	{name: "FlashAttention/f32 mask", in: heads(gguf.F32, 2), op: flash(0.125, 0), want: attended(0.125, 0, exactly), tol: ofRMS(1e-6)},
	// Scores of several units: a rounding of one, 5e-7, is as much of its exponential. With AVX-512 the worst is
	// 1.1e-6.
	{name: "FlashAttention/f32 softcap", in: heads(gguf.F32, 1), op: flash(1, 5), want: attended(1, 5, exactly), tol: ofRMS(2e-6)},
	{name: "FlashAttention/f16", in: heads(gguf.F16, 8)[:3], op: flash(0.125, 0), want: attended(0.125, 0, asF16),
		tol: ofRMS(flashF16), apart: ofRMS(flashF16)},
	{name: "FlashAttention/f16 all", in: heads(gguf.F16, 2), op: flash(1, 5), want: attended(1, 5, asF16),
		tol: ofRMS(flashF16), apart: ofRMS(flashF16)},
}

// TestKnownValues holds published numbers of the reference implementation.
func TestKnownValues(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		at := func(v ...float64) []array {
			return []array{{typ: gguf.F32, ne: [4]int{len(v), 1, 1, 1}, raw: encode(gguf.F32, v)}}
		}
		check := func(name string, tol float64, got, want []float64) {
			t.Helper()
			if _, err := relative(tol).compare(got, want); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		check("gelu", 1e-3, compute(t, lib, 1, at(1, -1, 0.5, 3), gguf.F32, single((*Context).Gelu)),
			[]float64{0.841191991, -0.158808009, 0.345714010, 2.996362608})
		for limit, pairs := range map[float32][2][]float64{
			50: {{10, 60, -100}, {9.8687660, 41.6827304, -48.2013790}},
			30: {{10, 60}, {9.6453821, 28.9208274}},
		} {
			check("softcap", 1e-6, compute(t, lib, 1, at(pairs[0]...), gguf.F32, func(c *Context, x []Tensor) Tensor {
				return c.Scale(c.Tanh(c.Scale(x[0], 1/limit, 0)), limit, 0)
			}), pairs[1])
		}

		// Rotating (1, 0) at position 272 gives the cosines, then the sines.
		one := array{typ: gguf.F32, ne: [4]int{256, 1, 1, 1}}
		one.raw = encode(gguf.F32, fill(one.ne, func(i, _, _, _ int) float64 { return float64((255 - i) / 128) }))
		pos := array{typ: gguf.I32, ne: [4]int{1, 1, 1, 1}, raw: encode(gguf.I32, []float64{272})}
		y := compute(t, lib, 1, []array{one, pos}, gguf.F32, rope(256, 10000))
		var got []float64
		for _, i := range []int{0, 1, 64, 127} {
			got = append(got, y[i], y[i+128])
		}
		if _, err := ofRMS(ropeError).compare(got, []float64{-0.24956931, 0.96835694, -0.21567839, 0.97646445,
			-0.91243836, 0.40921417, 0.99957285, 0.02922517}); err != nil {
			t.Errorf("rope: %v", err)
		}
	})
}
