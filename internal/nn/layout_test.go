package nn

import (
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

var layoutCases = []valueCase{
	{"reshape", args(f32(6, 5)), func(g *Graph, x []Tensor) Tensor { return g.Reshape(x[0], 3, 2, 5) },
		func(x []array) array { return x[0].as(3, 2, 5) }, 0},
	{"view", args(f32(6, 5, 4)), func(g *Graph, x []Tensor) Tensor { return g.Cont(g.View(x[0], []int{2, 1, 3}, 3, 2, 1)) },
		func(x []array) array {
			return fill(shaped(3, 2, 1), func(i, j, k, _ int) float64 { return x[0].at(i+2, j+1, k+3, 0) })
		}, 0},
	{"view of a view", args(f32(6, 5, 4)), func(g *Graph, x []Tensor) Tensor {
		return g.Cont(g.View(g.View(x[0], []int{1, 1, 1}, 5, 4, 3), []int{1, 2, 0}, 3, 2, 2))
	}, func(x []array) array {
		return fill(shaped(3, 2, 2), func(i, j, k, _ int) float64 { return x[0].at(i+2, j+3, k+1, 0) })
	}, 0},
	{"permute", args(f32(6, 5, 4, 3)), func(g *Graph, x []Tensor) Tensor { return g.Cont(g.Permute(x[0], 2, 0, 3, 1)) },
		func(x []array) array {
			return fill(shaped(5, 3, 6, 4), func(i, j, k, l int) float64 { return x[0].at(k, i, l, j) })
		}, 0},
	{"transpose", args(f32(6, 5)), func(g *Graph, x []Tensor) Tensor { return g.Cont(g.Transpose(x[0])) },
		func(x []array) array {
			return fill(shaped(5, 6), func(i, j, _, _ int) float64 { return x[0].at(j, i, 0, 0) })
		}, 0},
	{"cast to f16 and back", args(f32(6, 5)), func(g *Graph, x []Tensor) Tensor {
		return g.Cast(g.Cast(x[0], gguf.F16), gguf.F32)
	}, one, 1e-3},
	{"cast to bf16 and back", args(f32(6, 5)), func(g *Graph, x []Tensor) Tensor {
		return g.Cast(g.Cast(g.Transpose(x[0]), gguf.BF16), gguf.F32)
	}, func(x []array) array {
		return fill(shaped(5, 6), func(i, j, _, _ int) float64 { return x[0].at(j, i, 0, 0) })
	}, 1e-2},
	{"copy", args(f32(6, 5), f32(9, 8)), func(g *Graph, x []Tensor) Tensor {
		g.Run(g.Copy(g.Transpose(x[0]), g.View(x[1], []int{1, 2}, 5, 6)))
		return x[1]
	}, func(x []array) array {
		return fill(shaped(9, 8), func(i, j, _, _ int) float64 {
			if i >= 1 && i < 6 && j >= 2 {
				return x[0].at(j-2, i-1, 0, 0)
			}
			return x[1].at(i, j, 0, 0)
		})
	}, 0},
	{"concat 0", args(f32(6, 5), f32(3, 5)), func(g *Graph, x []Tensor) Tensor { return g.Concat(x[0], x[1], 0) }, joined(0), 0},
	{"concat 1", args(f32(6, 5, 2), f32(6, 1, 2)), func(g *Graph, x []Tensor) Tensor { return g.Concat(x[0], x[1], 1) }, joined(1), 0},
	{"concat 2", args(f32(6, 5, 2), f32(6, 5, 3)), func(g *Graph, x []Tensor) Tensor { return g.Concat(x[0], x[1], 2) }, joined(2), 0},
	{"concat 3", args(f32(3, 2, 2), f32(3, 2, 2, 2)), func(g *Graph, x []Tensor) Tensor { return g.Concat(x[0], x[1], 3) }, joined(3), 0},
	{"repeat", args(f32(3, 2)), func(g *Graph, x []Tensor) Tensor { return g.Repeat(x[0], 6, 2, 3) },
		func(x []array) array { return fill(shaped(6, 2, 3), x[0].at) }, 0},
	{"pad", args(f32(3, 2)), func(g *Graph, x []Tensor) Tensor { return g.Pad(x[0], 2, 1, 1) },
		func(x []array) array {
			return fill(shaped(5, 3, 2), func(i, j, k, _ int) float64 {
				if i < 3 && j < 2 && k < 1 {
					return x[0].at(i, j, k, 0)
				}
				return 0
			})
		}, 0},
	{"get_rows", args(f32(7, 11), i32(11, 5)), binary((*Graph).GetRows), func(x []array) array {
		return fill(shaped(7, 5), func(i, j, _, _ int) float64 { return x[0].at(i, int(x[1].v[j]), 0, 0) })
	}, 0},
	{"set_rows", args(f32(7, 11), f32(7, 5), i64(11, 5)), func(g *Graph, x []Tensor) Tensor { return g.SetRows(x[0], x[1], x[2]) },
		func(x []array) array {
			out := fill(x[0].ne, x[0].at)
			for j, row := range x[2].v {
				copy(out.v[int(row)*7:], x[1].v[j*7:][:7])
			}
			return out
		}, 0},
	{"patches", args(f32(9, 6, 2)), func(g *Graph, x []Tensor) Tensor { return g.Patches(x[0], 3) },
		func(x []array) array { return patches(x[0], 3) }, 0},
	{"custom", args(f32(7, 5)), func(g *Graph, x []Tensor) Tensor {
		double := bindings.CustomFromGo(func(dst bindings.Tensor, ith, nth int) {
			v := make([]float32, 35)
			if err := bindings.Get(x[0].t, 0, v); err != nil {
				return // the values then differ
			}
			for i := ith; i < len(v); i += nth {
				_ = bindings.Set(dst, 4*i, []float32{2 * v[i]})
			}
		})
		return g.Custom(double, gguf.F32, -1, []int{7, 5}, x[0])
	}, each(func(a float64) float64 { return 2 * a }), 1e-7},
}

// patches is Graph.Patches by its definition.
func patches(image array, p int) array {
	w, h := image.ne[0]/p, image.ne[1]/p
	return fill(shaped(p*p*image.ne[2], w*h), func(i, j, _, _ int) float64 {
		return image.at(j%w*p+i%p, j/w*p+i/p%p, i/p/p, 0)
	})
}

// joined appends the second array to the first along axis dim.
func joined(dim int) func(x []array) array {
	return func(x []array) array {
		ne := x[0].ne
		ne[dim] += x[1].ne[dim]
		return fill(ne, func(i, j, k, l int) float64 {
			at := [4]int{i, j, k, l}
			from := x[0]
			if at[dim] >= from.ne[dim] {
				at[dim] -= from.ne[dim]
				from = x[1]
			}
			return from.at(at[0], at[1], at[2], at[3])
		})
	}
}

func TestLayout(t *testing.T) { runValues(t, layoutCases) }
