package nn

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// A longNode is a graph of a product that takes half a second or more, and its
// square.
type longNode struct {
	*Graph
	x, product, square Tensor // f32 [longRow, n]
}

const longRow = 512

// newLongNode multiplies ones by ones: each product is longRow. The products
// and their squares are 0 as long as they are not computed.
func newLongNode(t *testing.T, b *Backend) longNode {
	t.Helper()
	trial := longNodeOf(t, b, longRow)
	quickest := time.Hour
	for range 5 {
		start := time.Now()
		compute(t, trial.Graph)
		quickest = min(quickest, time.Since(start))
	}
	return longNodeOf(t, b, longRow*int(1+time.Second/2/quickest))
}

func longNodeOf(t *testing.T, b *Backend, n int) longNode {
	t.Helper()
	g := longNode{Graph: newGraph(t, b, 4, nil)}
	w := g.Input("w", gguf.F32, longRow, longRow)
	g.x = g.Input("x", gguf.F32, longRow, n)
	g.product = g.MulMat(w, g.x)
	g.square = g.Sqr(g.product)
	must(t, g.Compile(g.product, g.square))
	for _, x := range []Tensor{w, g.x} {
		must(t, Set(g.Graph, x, slices.Repeat([]float32{1}, x.Len())))
	}
	g.clear(t)
	return g
}

// clear fills the results with zeros.
func (g longNode) clear(t *testing.T) {
	t.Helper()
	must(t, bindings.Set(g.product.t, 0, make([]float32, g.product.Len())))
	must(t, bindings.Set(g.square.t, 0, make([]float32, g.square.Len())))
}

// ended fails the test unless the product is computed whole and its square is
// not: the cancelled computation ended with the node that ran.
func (g longNode) ended(t *testing.T) {
	t.Helper()
	for x, want := range map[Tensor]float32{g.product: longRow, g.square: 0} {
		got := make([]float32, x.Len())
		must(t, bindings.Get(x.t, 0, got))
		if i := slices.IndexFunc(got, func(v float32) bool { return v != want }); i >= 0 {
			t.Errorf("value %d of %d is %v, want %v", i, len(got), got[i], want)
		}
	}
}

// TestCancelLongNode cancels a computation inside a node, which ggml cannot
// stop: it returns in time, and the next computation waits for the node.
func TestCancelLongNode(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		b := newBackend(t, dev, 1)
		g := newLongNode(t, b)
		other, check := small(t, b)
		check()
		inTime(t, func() time.Duration {
			g.clear(t)
			d := stopping(t, g.Graph)
			// Whoever waits for its turn may give up too.
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			waited := time.Now()
			if err := other.Compute(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v while the node goes on, want a deadline", err)
			}
			d = max(d, time.Since(waited))
			check() // waits for the node
			g.ended(t)
			return d
		})
	})
}

// TestAbandonedNodeIsWaitedFor sets and closes a graph whose computation was
// abandoned: both wait for the node that still uses the graph's memory.
func TestAbandonedNodeIsWaitedFor(t *testing.T) {
	b := newBackend(t, anyDoor(t), 1)
	for name, then := range map[string]func(g longNode) error{
		"close": func(g longNode) error { return g.Close() },
		"set": func(g longNode) error {
			err := Set(g.Graph, g.x, make([]float32, g.x.Len()))
			g.ended(t) // with the ones that it had read
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newLongNode(t, b)
			stopping(t, g.Graph)
			if len(b.turn) == 0 {
				t.Error("the node ended before its computation was abandoned")
			}
			must(t, then(g))
			if len(b.turn) > 0 {
				t.Error("done while the node ran")
			}
			_, check := small(t, b)
			check()
		})
	}
}

// TestLongNodesAreKnown builds graphs of one operation: those that ggml may take long for
// are computed so that they can be abandoned.
func TestLongNodesAreKnown(t *testing.T) {
	b := newBackend(t, anyDoor(t), 1)
	input := func(g *Graph, name string, shape ...int) Tensor { return g.Input(name, gguf.F32, shape...) }
	for name, c := range map[string]struct {
		long  bool
		build func(g *Graph) Tensor
	}{
		"a small product": {false, func(g *Graph) Tensor { return g.MulMat(input(g, "w", 128, 128), input(g, "x", 128, 256)) }},
		"a large product": {true, func(g *Graph) Tensor { return g.MulMat(input(g, "w", 128, 128), input(g, "x", 128, 257)) }},
		"a small sum":     {false, func(g *Graph) Tensor { return g.Add(input(g, "x", 1024, 4096), input(g, "y", 1024)) }},
		"a large sum":     {true, func(g *Graph) Tensor { return g.Add(input(g, "x", 1024, 4097), input(g, "y", 1024)) }},
		"a large view":    {false, func(g *Graph) Tensor { return g.Tanh(g.View(input(g, "x", 1024, 4097), []int{0, 0}, 1024, 1)) }},
		"a large copy":    {true, func(g *Graph) Tensor { return g.Copy(input(g, "x", 1024, 4097), input(g, "y", 1024, 4097)) }},
		"few rows set": {false, func(g *Graph) Tensor {
			return g.SetRows(input(g, "x", 1024, 4097), input(g, "y", 1024, 2), g.Input("rows", gguf.I64, 2))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGraph(t, b, 8, nil)
			y := c.build(g)
			must(t, g.Err())
			if !y.Valid() || g.quick() == c.long {
				t.Errorf("quick is %t for %v", g.quick(), y)
			}
		})
	}
}
