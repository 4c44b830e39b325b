package bindings

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// Each operation, through each door, against its plain definition in float64.
//
// Sums, products and quotients of two float32 round once, so they are bit for
// bit. Functions of the C library and sums over rows are within 1e-6.

func TestElementwise(t *testing.T) { runCases(t, elementwise) }
func TestRows(t *testing.T)        { runCases(t, rowwise) }
func TestMoves(t *testing.T)       { runCases(t, moves) }
func TestMatrix(t *testing.T)      { runCases(t, matrix) }
func TestAttention(t *testing.T)   { runCases(t, attention) }

// TestEveryOperationHasACase fails for a new operation without one.
func TestEveryOperationHasACase(t *testing.T) {
	var tested []string
	for _, c := range slices.Concat(elementwise, rowwise, moves, matrix, attention) {
		tested = append(tested, c.method())
	}
	tested = append(tested, "New", "Custom") // every test; the kernels of internal/nn
	context := reflect.TypeFor[*Context]()
	for i := range context.NumMethod() {
		m := context.Method(i)
		if m.Type.NumOut() == 1 && m.Type.Out(0) == reflect.TypeFor[Tensor]() && !slices.Contains(tested, m.Name) {
			t.Errorf("operation %s has no case", m.Name)
		}
	}
}

// each makes the definition of a function of single values.
func each(f func(a float64) float64) func(x []array) []float64 {
	return func(x []array) []float64 {
		return fill(x[0].ne, func(i, j, k, l int) float64 { return f(x[0].at(i, j, k, l)) })
	}
}

// pairwise makes the definition of a function of pairs of values.
func pairwise(f func(a, b float64) float64) func(x []array) []float64 {
	return func(x []array) []float64 {
		return fill(x[0].ne, func(i, j, k, l int) float64 { return f(x[0].at(i, j, k, l), x[1].at(i, j, k, l)) })
	}
}

var (
	same  = []source{random(gguf.F32, 67, 5, 3, 2), random(gguf.F32, 67, 5, 3, 2)}
	row   = []source{random(gguf.F32, 67, 5, 3, 2), random(gguf.F32, 67)}
	tiled = []source{random(gguf.F32, 64, 6, 4, 2), random(gguf.F32, 64, 3, 1, 2)}
	alone = []source{random(gguf.F32, 67, 5, 3, 2)}
)

var elementwise = []opCase{
	{name: "Add/same", in: same, op: pair((*Context).Add), want: pairwise(func(a, b float64) float64 { return a + b })},
	{name: "Add/row", in: row, op: pair((*Context).Add), want: pairwise(func(a, b float64) float64 { return a + b })},
	{name: "Add/tiled", in: tiled, op: pair((*Context).Add), want: pairwise(func(a, b float64) float64 { return a + b })},
	{name: "Mul/same", in: same, op: pair((*Context).Mul), want: pairwise(func(a, b float64) float64 { return a * b })},
	{name: "Mul/row", in: row, op: pair((*Context).Mul), want: pairwise(func(a, b float64) float64 { return a * b })},
	{name: "Div/tiled", in: tiled, op: pair((*Context).Div), want: pairwise(func(a, b float64) float64 { return a / b })},
	{name: "Sqr", in: alone, op: single((*Context).Sqr), want: each(func(a float64) float64 { return a * a })},
	{name: "Scale", in: alone,
		op:   func(c *Context, x []Tensor) Tensor { return c.Scale(x[0], 0.37, 0) },
		want: each(func(a float64) float64 { return a * float64(float32(0.37)) })},
	{name: "Scale/bias", in: alone, tol: ofRMS(1e-6),
		op:   func(c *Context, x []Tensor) Tensor { return c.Scale(x[0], 0.37, -1.5) },
		want: each(func(a float64) float64 { return a*float64(float32(0.37)) - 1.5 })},
	{name: "Tanh", in: alone, op: single((*Context).Tanh), want: each(math.Tanh), tol: relative(1e-6)},
	{name: "Silu", in: alone, op: single((*Context).Silu), tol: relative(1e-6),
		want: each(func(a float64) float64 { return a / (1 + math.Exp(-a)) })},
	{name: "Sum", in: alone, op: single((*Context).Sum), tol: relative(1e-5), want: total},
	// Softcap, as Gemma 2 writes it: 50*tanh(x/50).
	{name: "Tanh/softcap", in: []source{values(gguf.F32, capped, 67, 5)}, tol: relative(1e-6),
		op: func(c *Context, x []Tensor) Tensor {
			return c.Scale(c.Tanh(c.Scale(x[0], 1.0/50, 0)), 50, 0)
		},
		want: each(func(a float64) float64 { return 50 * math.Tanh(a/50) })},
}

// total is the definition of a sum.
func total(x []array) []float64 { return []float64{mean(x[0].v) * float64(len(x[0].v))} }

// overRows makes the definition of a function of whole rows.
func overRows(f func(row []float64) []float64) func(x []array) []float64 {
	return func(x []array) []float64 {
		var v []float64
		for r := range slices.Chunk(x[0].v, x[0].ne[0]) {
			v = append(v, f(r)...)
		}
		return v
	}
}

func mean(row []float64) float64 {
	var sum float64
	for _, x := range row {
		sum += x
	}
	return sum / float64(len(row))
}

func meanSquare(row []float64) float64 {
	var sum float64
	for _, x := range row {
		sum += x * x
	}
	return sum / float64(len(row))
}

// centred is row - shift, times factor.
func centred(row []float64, shift, factor float64) []float64 {
	out := slices.Clone(row)
	for i := range out {
		out[i] = (out[i] - shift) * factor
	}
	return out
}

var rowwise = []opCase{
	{name: "Norm", in: []source{values(gguf.F32, shifted, 1152, 9)}, tol: ofRMS(1e-6),
		op: func(c *Context, x []Tensor) Tensor { return c.Norm(x[0], 1e-6) },
		want: overRows(func(r []float64) []float64 {
			m := mean(r)
			return centred(r, m, 1/math.Sqrt(meanSquare(centred(r, m, 1))+1e-6))
		})},
	{name: "RMSNorm", in: []source{values(gguf.F32, shifted, 2048, 9)}, tol: ofRMS(1e-6),
		op:   func(c *Context, x []Tensor) Tensor { return c.RMSNorm(x[0], 1e-6) },
		want: overRows(func(r []float64) []float64 { return centred(r, 0, 1/math.Sqrt(meanSquare(r)+1e-6)) })},
}
