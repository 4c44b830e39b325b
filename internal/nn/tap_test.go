package nn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// tapped builds two blocks of a small model with taps of every kind of tensor.
func tapped(g *Graph, s *Store) (x, y Tensor) {
	x = g.Input("x", gguf.F32, 6, 4)
	y = g.Tap("embedded", x)
	for i := range 2 {
		g := g.Scope("blk", i)
		y = g.Tap("turned", g.Transpose(y))                       // a view
		y = g.Tap("flat", g.Reshape(g.Cont(y), 24))               // a view that goes on
		y = g.Sqr(g.Tap("half", g.Reshape(y, 6, 4)))              // a view of a view
		g.Tap("half precision", g.Cast(y, gguf.F16))              // another type
		g.Tap("best", g.Argmax(y))                                // integers
		y = g.Scope("attn", -1).Tap("scaled", g.Affine(y, -1, 2)) // nested scope
	}
	g.Tap("weight", s.tensors["w"])
	return x, g.Tap("encoded", g.Add(y, s.tensors["w"]))
}

func TestTaps(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		var names []string
		traced := map[string][]float32{}
		shapes := map[string][]int{}
		trace := func(name string, shape []int, values []float32) {
			names = append(names, name)
			traced[name], shapes[name] = slices.Clone(values), slices.Clone(shape)
		}
		w := newStore(t, dev, Spec{Name: "w", Type: gguf.F32, Shape: []int{6, 4}})
		b := newBackend(t, dev, 2)
		on, off := newGraph(t, b, 40, trace), newGraph(t, b, 40, nil)
		values := normal(rand.New(rand.NewPCG(1, 1)), 24)
		var results [][]float32
		for _, g := range []*Graph{on, off} {
			x, y := tapped(g, w)
			must(t, g.Compile(y))
			must(t, Set(g, x, values))
			compute(t, g)
			results = append(results, get(t, g, y))
		}
		if !slices.Equal(results[0], results[1]) {
			t.Error("taps change the result")
		}
		want := strings.Fields(`embedded blk.0.turned blk.0.flat blk.0.half blk.0.half_precision blk.0.best blk.0.attn.scaled
			blk.1.turned blk.1.flat blk.1.half blk.1.half_precision blk.1.best blk.1.attn.scaled weight encoded`)
		for i, name := range names {
			names[i] = strings.ReplaceAll(name, " ", "_")
		}
		if !slices.Equal(names, want) {
			t.Errorf("taps %q, want %q", names, want)
		}
		checkTapped(t, values, traced, shapes)
		if w.tensors["w"].t.Name() != "w" {
			t.Error("a tap renamed a weight")
		}
	})
}

// checkTapped computes the taps of tapped in Go.
func checkTapped(t *testing.T, values []float32, traced map[string][]float32, shapes map[string][]int) {
	x := array{shaped(6, 4), wide(values)}
	near(t, "embedded", traced["embedded"], x.v, 0)
	for i := range 2 {
		at := func(name string) string { return fmt.Sprintf("blk.%d.%s", i, name) }
		x = x.swap(0, 1)
		near(t, at("turned"), traced[at("turned")], x.v, 1e-6)
		if !slices.Equal(shapes[at("turned")], []int{4, 6}) || !slices.Equal(shapes[at("flat")], []int{24}) {
			t.Errorf("shapes %v and %v", shapes[at("turned")], shapes[at("flat")])
		}
		near(t, at("flat"), traced[at("flat")], x.v, 1e-6)
		near(t, at("half"), traced[at("half")], x.v, 1e-6)
		x = x.as(6, 4).each(func(a float64) float64 { return a * a })
		near(t, at("half precision"), traced[at("half precision")], x.v, 1e-3)
		best := x.rows(func(r []float64) []float64 { return order(r, true)[:1] })
		near(t, at("best"), traced[at("best")], best.v, 0)
		x = x.each(func(a float64) float64 { return 2 - a })
		near(t, at("attn.scaled"), traced[at("attn.scaled")], x.v, 1e-6)
	}
	near(t, "weight", traced["weight"], make([]float64, 24), 0)
	near(t, "encoded", traced["encoded"], x.v, 1e-6)
}

// TestTapsAreFree compares a graph with taps that are off to one without.
func TestTapsAreFree(t *testing.T) {
	b := newBackend(t, anyDoor(t), 1)
	nodes := func(tap bool) (planned, room, bytes int) {
		g := newGraph(t, b, 20, nil)
		x := g.Input("x", gguf.F32, 6, 4)
		y := g.Transpose(x)
		if tap {
			y = g.Tap("turned", y)
		}
		y = g.Sqr(g.Cont(y))
		must(t, g.Compile(y))
		return g.Nodes(), g.room, g.Bytes()
	}
	p1, r1, b1 := nodes(false)
	p2, r2, b2 := nodes(true)
	if p1 != p2 || r1 != r2 || b1 != b2 {
		t.Errorf("%d nodes, room for %d, %d bytes with taps off; %d, %d, %d without taps", p2, r2, b2, p1, r1, b1)
	}
	g := newGraph(t, b, 20, nil)
	x := g.Input("x", gguf.F32, 6)
	if n := testing.AllocsPerRun(100, func() { g.Tap("x", x) }); n != 0 {
		t.Errorf("a tap that is off allocates %v times", n)
	}
}

// TestTapOfNothing keeps the first error of a graph whose taps are on.
func TestTapOfNothing(t *testing.T) {
	g := newGraph(t, newBackend(t, anyDoor(t), 1), 20, func(string, []int, []float32) {})
	g.Scope("blk", 1).Tap("lost", Tensor{})
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "blk.1.") {
		t.Errorf("error %v, want one that names blk.1.", err)
	}
	if err := g.Compute(context.Background()); err != g.Err() {
		t.Errorf("computing gives %v, want %v", err, g.Err())
	}
}
