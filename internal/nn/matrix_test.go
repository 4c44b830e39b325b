package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// product is x's columns by w's rows, w repeated over axes 2 and 3.
func product(w, x array) array {
	ne := [4]int{w.ne[1], x.ne[1], x.ne[2], x.ne[3]}
	per2, per3 := x.ne[2]/w.ne[2], x.ne[3]/w.ne[3]
	return fill(ne, func(i, j, k, l int) (s float64) {
		for c := range w.ne[0] {
			s += w.at(c, i, k/per2, l/per3) * x.at(c, j, k, l)
		}
		return s
	})
}

// swap exchanges two axes.
func (a array) swap(p, q int) array {
	ne := a.ne
	ne[p], ne[q] = ne[q], ne[p]
	return fill(ne, func(i, j, k, l int) float64 {
		at := [4]int{i, j, k, l}
		at[p], at[q] = at[q], at[p]
		return a.at(at[0], at[1], at[2], at[3])
	})
}

// attention is Graph.Attention by its definition; v is [e, m, hk], mask may
// have no elements. The result is [e, h, n].
func attention(q, k, v, mask array, scale, softcap float64) array {
	s := product(k, q).each(func(a float64) float64 {
		if softcap > 0 {
			return softcap * math.Tanh(a*scale/softcap)
		}
		return a * scale
	})
	if len(mask.v) > 0 {
		s = pairs(func(a, m float64) float64 { return a + m })([]array{s, mask})
	}
	return product(v.swap(0, 1), s.rows(softmax)).swap(1, 2)
}

// rotated is Graph.RoPE by its definition.
func rotated(a, pos array, base float64) array {
	half := a.ne[0] / 2
	return fill(a.ne, func(i, j, k, l int) float64 {
		angle := pos.v[k] * math.Pow(base, -float64(i%half)/float64(half))
		x, y := a.at(i%half, j, k, l), a.at(i%half+half, j, k, l)
		if i < half {
			return x*math.Cos(angle) - y*math.Sin(angle)
		}
		return x*math.Sin(angle) + y*math.Cos(angle)
	})
}

var matrixCases = []valueCase{
	{"mul_mat", args(f32(37, 5), f32(37, 3)), binary((*Graph).MulMat),
		func(x []array) array { return product(x[0], x[1]) }, 1e-5},
	{"mul_mat of one column", args(f32(64, 9), f32(64)), binary((*Graph).MulMat),
		func(x []array) array { return product(x[0], x[1]) }, 1e-5},
	{"mul_mat repeated", args(f32(13, 5, 2), f32(13, 3, 6, 2)), binary((*Graph).MulMat),
		func(x []array) array { return product(x[0], x[1]) }, 1e-5},
	{"mul_mat in f16", args(f32(32, 5), f32(32, 3)), func(g *Graph, x []Tensor) Tensor {
		return g.MulMat(g.Cast(x[0], gguf.F16), x[1])
	}, func(x []array) array { return product(x[0], x[1]) }, 2e-3},
	{"mul_mat in bf16", args(f32(32, 5), f32(32, 3)), func(g *Graph, x []Tensor) Tensor {
		return g.MulMat(g.Cast(x[0], gguf.BF16), x[1])
	}, func(x []array) array { return product(x[0], x[1]) }, 2e-2},
	{"mul_mat of permuted views", args(f32(8, 3, 5), f32(8, 6, 4)), func(g *Graph, x []Tensor) Tensor {
		w := g.View(g.Permute(x[0], 0, 2, 1, 3), []int{0, 1, 0}, 8, 4, 3) // [8, 4, 3]
		return g.MulMat(w, g.Permute(x[1], 0, 2, 1, 3))                   // [8, 4, 6]
	}, func(x []array) array {
		w := fill(shaped(8, 4, 3), func(i, j, k, _ int) float64 { return x[0].at(i, k, j+1, 0) })
		return product(w, x[1].swap(1, 2))
	}, 1e-5},
	{"rope", args(f32(10, 3, 7), i32(900, 7)), func(g *Graph, x []Tensor) Tensor { return g.RoPE(x[0], x[1], 10000) },
		func(x []array) array { return rotated(x[0], x[1], 10000) }, 1e-4},
	{"rope of a permuted view", args(f32(10, 7, 3), i32(90, 4)), func(g *Graph, x []Tensor) Tensor {
		return g.RoPE(g.View(g.Permute(x[0], 0, 2, 1, 3), []int{0, 0, 2}, 10, 3, 4), x[1], 100)
	}, func(x []array) array {
		a := fill(shaped(10, 3, 4), func(i, j, k, _ int) float64 { return x[0].at(i, k+2, j, 0) })
		return rotated(a, x[1], 100)
	}, 1e-4},
	{"attention", args(f32(6, 5, 4), f32(6, 9, 2), f32(9, 6, 2)), func(g *Graph, x []Tensor) Tensor {
		return g.Attention(x[0], x[1], x[2], Tensor{}, 0.4, 0)
	}, func(x []array) array { return attention(x[0], x[1], x[2].swap(0, 1), array{}, 0.4, 0).as(24, 5) }, 1e-5},
	{"attention masked and capped", args(f32(6, 5, 4), f32(6, 9, 2), f32(9, 6, 2), f32(9, 5)), func(g *Graph, x []Tensor) Tensor {
		return g.Attention(x[0], x[1], x[2], x[3], 0.4, 0.9)
	}, func(x []array) array { return attention(x[0], x[1], x[2].swap(0, 1), x[3], 0.4, 0.9).as(24, 5) }, 1e-5},
	// As towers call it: heads side by side in a row, values in a row as well.
	{"attention of permuted heads", args(f32(6, 4, 5), f32(6, 2, 9), f32(12, 9), f32(9, 5)), func(g *Graph, x []Tensor) Tensor {
		q, k := g.Permute(x[0], 0, 2, 1, 3), g.Permute(x[1], 0, 2, 1, 3) // [6, 5, 4], [6, 9, 2]
		v := g.Reshape(g.Cont(g.Transpose(x[2])), 9, 6, 2)
		return g.Attention(q, k, v, x[3], 0.4, 0)
	}, func(x []array) array {
		return attention(x[0].swap(1, 2), x[1].swap(1, 2), x[2].as(6, 2, 9).swap(1, 2), x[3], 0.4, 0).as(24, 5)
	}, 1e-5},
	{"flash_attn", args(f32(8, 5, 4), f32(8, 9, 2), f32(8, 9, 2)), func(g *Graph, x []Tensor) Tensor {
		return g.FlashAttention(x[0], x[1], x[2], Tensor{}, 0.4, 0)
	}, func(x []array) array { return attention(x[0], x[1], x[2], array{}, 0.4, 0) }, 1e-5},
	{"flash_attn masked and capped", args(f32(8, 4, 5), f32(8, 2, 9), f32(8, 2, 9), f32(9, 5)), func(g *Graph, x []Tensor) Tensor {
		heads := func(a Tensor) Tensor { return g.Permute(a, 0, 2, 1, 3) }
		k, v := g.Cast(x[1], gguf.F16), g.Cast(x[2], gguf.F16)
		return g.FlashAttention(heads(x[0]), heads(k), heads(v), g.Cast(x[3], gguf.F16), 0.4, 0.9)
	}, func(x []array) array {
		return attention(x[0].swap(1, 2), x[1].swap(1, 2), x[2].swap(1, 2), x[3], 0.4, 0.9)
	}, 5e-3},
}

func TestMatrix(t *testing.T) { runValues(t, matrixCases) }

// Attention takes queries in groups when the scores would be large; the result
// must be that of one group.
func TestAttentionInGroups(t *testing.T) {
	const e, m, n, h = 2, 1 << 17, 67, 4 // 2^17 * 4 * 67 scores: three groups
	b := newBackend(t, anyDoor(t), 2)
	g := newGraph(t, b, 100, nil)
	r := rand.New(rand.NewPCG(3, 3))
	q, k, v := g.Input("q", gguf.F32, e, n, h), g.Input("k", gguf.F32, e, m, 1), g.Input("v", gguf.F32, m, e, 1)
	whole := g.Attention(q, k, v, Tensor{}, 1, 0)
	last := g.Attention(g.Cont(g.View(q, []int{0, n - 1, 0}, e, 1, h)), k, v, Tensor{}, 1, 0)
	must(t, g.Compile(whole, last))
	must(t, Set(g, q, normal(r, q.Len())))
	must(t, Set(g, k, normal(r, k.Len())))
	must(t, Set(g, v, normal(r, v.Len())))
	compute(t, g)
	near(t, "last query", get(t, g, whole)[e*h*(n-1):], wide(get(t, g, last)), 1e-5)
	if max := 3 * 4 * maxScores; g.Bytes() > max+64<<20 {
		t.Errorf("%d bytes for intermediate results, want less than %d", g.Bytes(), max)
	}
}
