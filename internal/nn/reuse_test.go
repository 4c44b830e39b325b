package nn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// TestReuse computes one graph many times, in turns with another on the same
// backend.
func TestReuse(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		r := rand.New(rand.NewPCG(4, 4))
		b := newBackend(t, dev, 2)
		g, h := newGraph(t, b, 20, nil), newGraph(t, b, 20, nil)
		w, x, ids := g.Input("w", gguf.F32, 19, 7), g.Input("x", gguf.F32, 19, 3), g.Input("ids", gguf.I32, 4)
		y := g.Tanh(g.MulMat(w, x))
		rows := g.GetRows(w, ids)
		squares := g.SumRows(g.Sqr(w)) // in the place of w, if ggml may
		must(t, g.Compile(y, rows, squares))
		u := h.Input("u", gguf.F32, 33)
		v := h.SumRows(h.Sqr(u))
		must(t, h.Compile(v))

		weights := arg{gguf.F32, 0, nil}.set(t, g, r, w) // set once
		for range 100 {
			a := arg{gguf.F32, 0, nil}.set(t, g, r, x)
			picked := arg{gguf.I32, 7, nil}.set(t, g, r, ids)
			c := arg{gguf.F32, 0, nil}.set(t, h, r, u)
			compute(t, g)
			compute(t, h)
			near(t, "product", get(t, g, y), product(weights, a).each(math.Tanh).v, 1e-5)
			near(t, "rows", get(t, g, rows), fill(shaped(19, 4), func(i, j, _, _ int) float64 {
				return weights.at(i, int(picked.v[j]), 0, 0)
			}).v, 0)
			near(t, "squares", get(t, g, squares), weights.each(func(x float64) float64 { return x * x }).rows(total).v, 1e-5)
			near(t, "square", get(t, h, v), c.each(func(x float64) float64 { return x * x }).rows(total).v, 1e-5)
		}
	})
}

// TestCache writes keys and values into a store with one graph, in two ways,
// and reads them with another, as prefill and decoding do.
func TestCache(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		const e, hk, size, n = 4, 2, 10, 3
		for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.BF16} {
			r := rand.New(rand.NewPCG(6, 6))
			s := newStore(t, dev, Spec{Name: "k", Type: typ, Shape: []int{e * hk, size}}, Spec{Name: "v", Type: typ, Shape: []int{size, e * hk}})
			cache := NewWeights(s)
			ck, cv := cache.Get("k", e*hk, size), cache.Get("v", size, e*hk)
			b := newBackend(t, dev, 2)

			write := newGraph(t, b, 20, nil)
			k, v, rows := write.Input("k", gguf.F32, e*hk, n), write.Input("v", gguf.F32, e*hk, n), write.Input("rows", gguf.I64, n)
			write.Run(write.SetRows(ck, k, rows))
			write.Run(write.Copy(write.Transpose(v), write.View(cv, []int{2, 0}, n, e*hk)))
			must(t, write.Compile())
			kv := arg{gguf.F32, 0, nil}.set(t, write, r, k)
			vv := arg{gguf.F32, 0, nil}.set(t, write, r, v)
			must(t, Set(write, rows, []int64{7, 0, 4}))
			compute(t, write)

			read := newGraph(t, b, 20, nil)
			x := read.Input("x", gguf.F32, e, 1, hk)
			heads := read.Permute(read.Reshape(ck, e, hk, size), 0, 2, 1, 3) // [e, size, hk]
			scores := read.MulMat(read.View(heads, []int{0, 0, 0}, e, 8, hk), x)
			values := read.Cast(read.View(cv, []int{1, 0}, 5, e*hk), gguf.F32)
			must(t, read.Compile(scores, values))
			xv := arg{gguf.F32, 0, nil}.set(t, read, r, x)
			compute(t, read)

			place := map[int]int{7: 0, 0: 1, 4: 2}
			keys := fill(shaped(e, 8, hk), func(i, j, h, _ int) float64 {
				if from, ok := place[j]; ok {
					return kv.at(i+e*h, from, 0, 0)
				}
				return 0
			})
			tol := map[gguf.Type]float64{gguf.F32: 1e-6, gguf.F16: 2e-3, gguf.BF16: 2e-2}[typ]
			near(t, typ.String()+" scores", get(t, read, scores), product(keys, xv).v, tol)
			near(t, typ.String()+" values", get(t, read, values), fill(shaped(5, e*hk), func(i, j, _, _ int) float64 {
				if i >= 1 && i < 4 {
					return vv.at(j, i-1, 0, 0)
				}
				return 0
			}).v, tol)
		}
	})
}

// TestInputs holds what Set, Get and Compute refuse.
func TestInputs(t *testing.T) {
	g := newGraph(t, newBackend(t, anyDoor(t), 1), 20, nil)
	m, ids, far := g.Input("m", gguf.F32, 6, 5), g.Input("ids", gguf.I32, 2), g.Input("far", gguf.I64, 1)
	half := g.Input("half", gguf.F16, 6, 1)
	unused := g.Input("unused", gguf.F32, 1)
	picked := g.GetRows(m, ids)
	top := g.GetRows(g.View(m, []int{0, 0}, 6, 3), ids) // the tighter bound holds
	wrote := g.SetRows(m, g.Cast(half, gguf.F32), far)
	turned := g.Transpose(picked)
	flat := g.Reshape(ids, 2, 1)
	best := g.Argmax(picked)
	fails := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	fails(Set(g, ids, []int32{0, 1}), "nn: set: the graph is not compiled")
	fails(Get(g, picked, make([]float32, 12)), "nn: get: the graph is not compiled")
	fails(g.Compute(context.Background()), "nn: compute: the graph is not compiled")
	must(t, g.Compile(picked, top, wrote, turned, best, flat))
	fails(g.Compile(picked), "nn: compile: the graph is compiled already")

	fails(g.Compute(context.Background()), `nn: compute: inputs ["far" "half" "ids" "m"] are not set`)
	fails(Set(g, ids, []int32{0, 3}), `nn: set "ids": value 1 is 3, want a row from 0 to 2`)
	fails(Set(g, ids, []int32{-1, 0}), `nn: set "ids": value 0 is -1`)
	fails(Set(g, far, []int64{5}), `nn: set "far": value 0 is 5, want a row from 0 to 4`)
	fails(Set(g, far, []int64{math.MinInt64}), `nn: set "far": value 0 is -9223372036854775808`)
	fails(Set(g, ids, []float32{0, 1}), "nn: set: i32 [2] holds values of another type")
	fails(Set(g, half, make([]float32, 6)), "nn: set: f16 [6] holds values of another type")
	fails(Set(g, ids, []int32{0}), "nn: set: 1 values for i32 [2], want 2")
	fails(Set(g, flat, []int32{9, 9}), "nn: set: i32 [2] is not an input")
	fails(Set(g, unused, []float32{0}), `nn: set "unused": `)
	fails(Set(g, Tensor{}, []float32{0}), "nn: set: the tensor is not of this graph")
	must(t, Set(g, ids, []int32{2, 0}))
	must(t, Set(g, far, []int64{4}))
	must(t, Set(g, half, make([]uint16, 6)))
	must(t, Set(g, m, make([]float32, 30)))

	fails(Get(g, picked, make([]float32, 12)), "nn: get: nothing is computed yet")
	compute(t, g)
	fails(Get(g, m, make([]float32, 30)), "nn: get: f32 [6 5] is not an output")
	fails(Get(g, turned, make([]float32, 12)), "nn: get: f32 [2 6] is not contiguous")
	fails(Get(g, best, make([]float32, 2)), "nn: get: i32 [2] holds values of another type")
	fails(Get(g, picked, make([]float32, 11)), "nn: get: 11 values for f32 [6 2], want 12")
	must(t, Get(g, best, make([]int32, 2)))

	must(t, g.Close())
	for _, err := range []error{Set(g, ids, []int32{0, 1}), Get(g, picked, make([]float32, 12)), g.Compute(context.Background()), g.Compile()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("error %v after Close, want ErrClosed", err)
		}
	}
	if g.Nodes() != 0 || g.Bytes() != 0 {
		t.Errorf("%d nodes, %d bytes after Close", g.Nodes(), g.Bytes())
	}
}
