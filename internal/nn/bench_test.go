package nn

import (
	"context"
	"fmt"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// decoding builds a graph of the shape of one decoding step of Gemma 2B, with
// tiny tensors: what remains is the cost of the graph itself.
func decoding(tb testing.TB, g *Graph, s *Store) (set func()) {
	const e, h, hk, size, blocks = 8, 4, 1, 16, 20
	w := NewWeights(s)
	x, pos, row := g.Input("x", gguf.F32, e*h), g.Input("pos", gguf.I32, 1), g.Input("row", gguf.I64, 1)
	y := x
	norm := RMSNorm{W: w.Get("norm", e*h), Eps: 1e-6}
	square, kv, cache := w.Get("w", e*h, e*h), w.Get("kv", e*h, e*hk), w.Get("cache", e*hk, size)
	for range blocks {
		n := norm.Forward(g, y)
		q := g.RoPE(g.Reshape(g.MulMat(square, n), e, h, 1), pos, 1e4)
		k := g.RoPE(g.Reshape(g.MulMat(kv, n), e, hk, 1), pos, 1e4)
		g.Run(g.SetRows(cache, g.Reshape(k, e*hk, 1), row))
		keys := g.Permute(g.Reshape(cache, e, hk, size), 0, 2, 1, 3) // [e, size, hk]
		values := g.Cont(g.Permute(keys, 1, 0, 2, 3))                // [size, e, hk]
		a := g.Attention(g.Permute(q, 0, 2, 1, 3), keys, values, Tensor{}, 0.1, 0)
		y = g.Add(y, g.MulMat(square, a))
		n = norm.Forward(g, y)
		y = g.Add(y, g.MulMat(square, g.GeGLU(g.MulMat(square, n), g.MulMat(square, n))))
	}
	must(tb, g.Compile(y))
	return func() {
		must(tb, Set(g, x, make([]float32, e*h)))
		must(tb, Set(g, pos, []int32{3}))
		must(tb, Set(g, row, []int64{3}))
	}
}

func decodingStore(tb testing.TB, dev bindings.Device) *Store {
	return newStore(tb, dev,
		Spec{Name: "norm", Type: gguf.F32, Shape: []int{32}}, Spec{Name: "w", Type: gguf.F32, Shape: []int{32, 32}},
		Spec{Name: "kv", Type: gguf.F32, Shape: []int{32, 8}}, Spec{Name: "cache", Type: gguf.F32, Shape: []int{8, 16}})
}

// BenchmarkBuild builds, compiles and closes a graph of a decoding step.
func BenchmarkBuild(b *testing.B) {
	eachDoorB(b, func(b *testing.B, dev bindings.Device) {
		s, back := decodingStore(b, dev), newBackend(b, dev, 1)
		nodes := 0
		for b.Loop() {
			g, err := NewGraph(back, 1500, nil)
			must(b, err)
			decoding(b, g, s)
			nodes = g.Nodes()
			must(b, g.Close())
		}
		perNode(b, nodes)
	})
}

// BenchmarkDispatch computes such a graph again and again.
func BenchmarkDispatch(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			eachDoorB(b, func(b *testing.B, dev bindings.Device) {
				s := decodingStore(b, dev)
				g := newGraph(b, newBackend(b, dev, threads), 1500, nil)
				set := decoding(b, g, s)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				for b.Loop() {
					set()
					must(b, g.Compute(ctx))
				}
				perNode(b, g.Nodes())
			})
		})
	}
}

func perNode(b *testing.B, nodes int) {
	b.ReportMetric(float64(nodes), "nodes")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(nodes), "ns/node")
}

func eachDoorB(b *testing.B, f func(b *testing.B, dev bindings.Device)) {
	for _, door := range []bindings.Door{bindings.BuiltIn, bindings.SharedLibrary} {
		b.Run(string(door), func(b *testing.B) { f(b, openDoor(b, door)) })
	}
}
