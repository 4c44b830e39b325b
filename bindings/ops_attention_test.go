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
