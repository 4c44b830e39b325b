package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

func gelu(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

func sum(row []float64) (s float64) {
	for _, v := range row {
		s += v
	}
	return s
}

// total is sum as a row.
func total(row []float64) []float64 { return []float64{sum(row)} }

// softmax is e^row, made to sum to 1.
func softmax(row []float64) []float64 {
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = math.Exp(v - slices.Max(row))
	}
	total := sum(out)
	for i := range out {
		out[i] /= total
	}
	return out
}

// standard is (row - mean) / sqrt(variance + eps).
func standard(row []float64, eps float64) []float64 {
	mean, variance := sum(row)/float64(len(row)), 0.0
	for _, v := range row {
		variance += (v - mean) * (v - mean) / float64(len(row))
	}
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = (v - mean) / math.Sqrt(variance+eps)
	}
	return out
}

// meanSquare is row / sqrt(mean(row^2) + eps).
func meanSquare(row []float64, eps float64) []float64 {
	square := 0.0
	for _, v := range row {
		square += v * v / float64(len(row))
	}
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = v / math.Sqrt(square+eps)
	}
	return out
}

// order gives the places of row's values from the smallest to the largest.
func order(row []float64, descending bool) []float64 {
	out := make([]float64, len(row))
	for i := range out {
		out[i] = float64(i)
	}
	slices.SortFunc(out, func(a, b float64) int {
		if (row[int(a)] < row[int(b)]) != descending {
			return -1
		}
		return 1
	})
	return out
}

// pairs applies f element by element, b repeated to a's shape.
func pairs(f func(a, b float64) float64) func(x []array) array {
	return func(x []array) array {
		return fill(x[0].ne, func(i, j, k, l int) float64 { return f(x[0].at(i, j, k, l), x[1].at(i, j, k, l)) })
	}
}

// unary and binary adapt methods of Graph.
func unary(f func(*Graph, Tensor) Tensor) func(*Graph, []Tensor) Tensor {
	return func(g *Graph, x []Tensor) Tensor { return f(g, x[0]) }
}

func binary(f func(g *Graph, a, b Tensor) Tensor) func(*Graph, []Tensor) Tensor {
	return func(g *Graph, x []Tensor) Tensor { return f(g, x[0], x[1]) }
}

func each(f func(float64) float64) func([]array) array {
	return func(x []array) array { return x[0].each(f) }
}

func eachRow(f func([]float64) []float64) func([]array) array {
	return func(x []array) array { return x[0].rows(f) }
}

var mathCases = []valueCase{
	{"add", args(f32(7, 3, 2, 2), f32(7, 1, 2)), binary((*Graph).Add), pairs(func(a, b float64) float64 { return a + b }), 1e-6},
	{"add scalar", args(f32(5, 3), f32(1)), binary((*Graph).Add), pairs(func(a, b float64) float64 { return a + b }), 1e-6},
	{"sub", args(f32(33, 3), f32(11, 3)), binary((*Graph).Sub), pairs(func(a, b float64) float64 { return a - b }), 1e-6},
	{"mul", args(f32(9, 5, 3), f32(9)), binary((*Graph).Mul), pairs(func(a, b float64) float64 { return a * b }), 1e-6},
	{"div", args(f32(9, 5), f32(9)), func(g *Graph, x []Tensor) Tensor { return g.Div(x[0], g.Exp(x[1])) },
		pairs(func(a, b float64) float64 { return a / math.Exp(b) }), 1e-5},
	{"add of strided rows", args(f32(9, 5, 3)), func(g *Graph, x []Tensor) Tensor {
		return g.Add(g.View(x[0], []int{2, 1, 0}, 5, 3, 3), g.Permute(g.View(x[0], []int{1, 0, 0}, 5, 3, 3), 0, 2, 1, 3))
	}, func(x []array) array {
		return fill(shaped(5, 3, 3), func(i, j, k, _ int) float64 { return x[0].at(i+2, j+1, k, 0) + x[0].at(i+1, k, j, 0) })
	}, 1e-6},
	{"gelu", args(f32(37, 3)), unary((*Graph).GELU), each(gelu), 2e-6},
	{"geglu", args(f32(37, 3), f32(37, 3)), binary((*Graph).GeGLU), pairs(func(a, b float64) float64 { return gelu(a) * b }), 2e-6},
	{"silu", args(f32(37, 3)), unary((*Graph).SiLU), each(func(a float64) float64 { return a / (1 + math.Exp(-a)) }), 1e-6},
	{"tanh", args(f32(13, 3)), unary((*Graph).Tanh), each(math.Tanh), 1e-6},
	{"exp", args(f32(13, 3)), unary((*Graph).Exp), each(math.Exp), 1e-6},
	{"sqr", args(f32(13, 3)), unary((*Graph).Sqr), each(func(a float64) float64 { return a * a }), 1e-6},
	{"sqr of strided rows", args(f32(13, 4)), func(g *Graph, x []Tensor) Tensor { return g.Sqr(g.View(x[0], []int{3, 1}, 7, 2)) },
		func(x []array) array {
			return fill(shaped(7, 2), func(i, j, _, _ int) float64 { return x[0].at(i+3, j+1, 0, 0) * x[0].at(i+3, j+1, 0, 0) })
		}, 1e-6},
	{"scale", args(f32(13, 3)), func(g *Graph, x []Tensor) Tensor { return g.Scale(x[0], -2.5) },
		each(func(a float64) float64 { return -2.5 * a }), 1e-6},
	{"affine", args(f32(13, 3)), func(g *Graph, x []Tensor) Tensor { return g.Affine(x[0], 3, -0.5) },
		each(func(a float64) float64 { return 3*a - 0.5 }), 1e-6},
	{"softcap", args(f32(13, 3)), func(g *Graph, x []Tensor) Tensor { return g.Softcap(x[0], 0.7) },
		each(func(a float64) float64 { return 0.7 * math.Tanh(a/0.7) }), 1e-6},
	{"softcap of 0", args(f32(13)), func(g *Graph, x []Tensor) Tensor { return g.Affine(g.Softcap(x[0], 0), 1, 0) }, one, 0},
	{"norm", args(f32(29, 3, 2)), func(g *Graph, x []Tensor) Tensor { return g.Norm(x[0], 0.1) },
		eachRow(func(r []float64) []float64 { return standard(r, 0.1) }), 1e-5},
	{"rms_norm", args(f32(29, 3, 2)), func(g *Graph, x []Tensor) Tensor { return g.RMSNorm(x[0], 0.1) },
		eachRow(func(r []float64) []float64 { return meanSquare(r, 0.1) }), 1e-5},
	{"sum_rows", args(f32(29, 3, 2)), unary((*Graph).SumRows), eachRow(total), 1e-5},
	{"mean", args(f32(29, 3, 2)), unary((*Graph).Mean), eachRow(func(r []float64) []float64 { return []float64{sum(r) / 29} }), 1e-5},
	{"argmax", args(f32(29, 5)), unary((*Graph).Argmax), func(x []array) array {
		return x[0].rows(func(r []float64) []float64 { return order(r, true)[:1] }).as(5)
	}, 0},
	{"argsort", args(f32(29, 3, 2)), func(g *Graph, x []Tensor) Tensor { return g.Argsort(x[0], false) },
		eachRow(func(r []float64) []float64 { return order(r, false) }), 0},
	{"argsort descending", args(f32(29, 3)), func(g *Graph, x []Tensor) Tensor { return g.Argsort(x[0], true) },
		eachRow(func(r []float64) []float64 { return order(r, true) }), 0},
	{"soft_max", args(f32(9, 5, 4)), func(g *Graph, x []Tensor) Tensor { return g.SoftMax(x[0], Tensor{}, 1) }, eachRow(softmax), 1e-5},
	{"soft_max masked", args(f32(9, 5, 4), f32(9, 5)), func(g *Graph, x []Tensor) Tensor { return g.SoftMax(x[0], x[1], 0.3) },
		func(x []array) array {
			return pairs(func(a, m float64) float64 { return 0.3*a + m })(x).rows(softmax)
		}, 1e-5},
	{"soft_max masked in f16", args(f32(9, 5, 4), f32(9, 5)), func(g *Graph, x []Tensor) Tensor {
		return g.SoftMax(x[0], g.Cast(x[1], gguf.F16), 0.3)
	}, func(x []array) array {
		return pairs(func(a, m float64) float64 { return 0.3*a + m })(x).rows(softmax)
	}, 2e-3},
}

func TestMath(t *testing.T) { runValues(t, mathCases) }

// runValues holds each case through each door, with one thread and with more
// than there are rows, against its definition.
func runValues(t *testing.T, cases []valueCase) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		for _, threads := range []int{1, 4} {
			b := newBackend(t, dev, threads)
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, b) })
			}
		}
	})
}
