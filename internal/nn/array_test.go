package nn

import (
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// An array is a tensor for the plain definitions, fastest axis first.
type array struct {
	ne [4]int
	v  []float64
}

// at returns an element; an index beyond an axis wraps round, as operands that
// are repeated do.
func (a array) at(i, j, k, l int) float64 {
	return a.v[i%a.ne[0]+a.ne[0]*(j%a.ne[1]+a.ne[1]*(k%a.ne[2]+a.ne[2]*(l%a.ne[3])))]
}

// fill makes an array of shape ne, element by element.
func fill(ne [4]int, f func(i, j, k, l int) float64) array {
	a := array{ne: ne}
	for l := range ne[3] {
		for k := range ne[2] {
			for j := range ne[1] {
				for i := range ne[0] {
					a.v = append(a.v, f(i, j, k, l))
				}
			}
		}
	}
	return a
}

// each applies f to every element.
func (a array) each(f func(float64) float64) array {
	return fill(a.ne, func(i, j, k, l int) float64 { return f(a.at(i, j, k, l)) })
}

// rows applies f to every row.
func (a array) rows(f func(row []float64) []float64) array {
	out := array{ne: a.ne}
	for start := 0; start < len(a.v); start += a.ne[0] {
		out.v = append(out.v, f(a.v[start:start+a.ne[0]])...)
	}
	out.ne[0] = len(out.v) * a.ne[0] / len(a.v)
	return out
}

// An arg is a random input: normal f32 numbers, or distinct integers under
// below.
type arg struct {
	typ   gguf.Type
	below int
	shape []int
}

func f32(shape ...int) arg         { return arg{gguf.F32, 0, shape} }
func i32(below int, n int) arg     { return arg{gguf.I32, below, []int{n}} }
func i64(below int, n int) arg     { return arg{gguf.I64, below, []int{n}} }
func shaped(shape ...int) [4]int   { ne, _ := shape4(gguf.F32, shape); return ne }
func args(list ...arg) []arg       { return list }
func one(a []array) array          { return a[0] }
func (a array) as(ne ...int) array { return array{shaped(ne...), a.v} }

// A valueCase is an operation on random inputs and what it is by definition.
type valueCase struct {
	name  string
	in    []arg
	build func(g *Graph, x []Tensor) Tensor
	want  func(x []array) array
	tol   float64 // relative to the root mean square of want
}

// run computes the case and compares values and shape.
func (c valueCase) run(t *testing.T, b *Backend) {
	h := fnv.New64a()
	h.Write([]byte(c.name))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	g := newGraph(t, b, 100, nil)
	var x []Tensor
	for _, a := range c.in {
		x = append(x, g.Input("x", a.typ, a.shape...))
	}
	y := c.build(g, x)
	must(t, g.Compile(y))
	var values []array
	for i, a := range c.in {
		values = append(values, a.set(t, g, r, x[i]))
	}
	want := c.want(values)
	compute(t, g)

	if y.ne != want.ne {
		t.Fatalf("shape %v, want %v", y.ne, want.ne)
	}
	var got []float32
	if y.Type() == gguf.I32 {
		ints := make([]int32, y.Len())
		must(t, Get(g, y, ints))
		for _, n := range ints {
			got = append(got, float32(n))
		}
	} else {
		got = get(t, g, y)
	}
	near(t, "result", got, want.v, c.tol)
}

// set fills an input with random values and returns them.
func (a arg) set(t *testing.T, g *Graph, r *rand.Rand, x Tensor) array {
	v := array{ne: x.ne}
	switch order := r.Perm(max(a.below, 1)); a.typ {
	case gguf.F32:
		values := normal(r, x.Len())
		v.v = wide(values)
		must(t, Set(g, x, values))
	case gguf.I32:
		rows := make([]int32, x.Len())
		for i := range rows {
			rows[i] = int32(order[i])
			v.v = append(v.v, float64(order[i]))
		}
		must(t, Set(g, x, rows))
	case gguf.I64:
		rows := make([]int64, x.Len())
		for i := range rows {
			rows[i] = int64(order[i])
			v.v = append(v.v, float64(order[i]))
		}
		must(t, Set(g, x, rows))
	}
	return v
}
