package nn

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// A bench is a graph with tensors of many kinds for wrong calls.
type bench struct {
	*Graph
	m, wide, t  Tensor // f32 [6 4], [8 4], and [6 4] as a transposed view
	cube, strip Tensor // f32 [6 4 2]; [6 4] whose rows lie 8 apart
	half, i32   Tensor // f16 [6 4], i32 [6 4]
	ids, far    Tensor // inputs i32 [4] and i64 [4]
	q8          Tensor // of a store, q8_0 [32 4]
	readOnly    Tensor // of a mapped store, f32 [6 4]
	repacked    Tensor // a weight in a layout of ggml's, q4_0 [32 8]
	packed      Tensor // a weight for kernels, f32 [64 64]; on a backend of kernels only
	other       Tensor // of another graph
	gone        Tensor // of a closed store
}

func newBench(t *testing.T, back *Backend) *bench {
	dev := back.Device()
	mapped, err := MapStore(dev, "mapped", page(1<<10), []Spec{
		{Name: "f", Type: gguf.F32, Shape: []int{6, 4}},
		{Name: "p", Type: gguf.Q4_0, Shape: []int{32, 8}, Offset: 128, Product: true},
	}, true)
	must(t, err)
	t.Cleanup(func() { must(t, mapped.Close()) })
	q8 := newStore(t, dev, Spec{Name: "q8", Type: gguf.Q8_0, Shape: []int{32, 4}})
	closed, err := NewStore(dev, "gone", []Spec{{Name: "x", Type: gguf.F32, Shape: []int{6, 4}}})
	must(t, err)
	must(t, closed.Close())
	w := NewWeights(mapped)
	g := newGraph(t, back, 60, nil)
	b := &bench{
		Graph:    g,
		m:        g.Input("m", gguf.F32, 6, 4),
		wide:     g.Input("wide", gguf.F32, 8, 4),
		cube:     g.Input("cube", gguf.F32, 6, 4, 2),
		half:     g.Input("half", gguf.F16, 6, 4),
		i32:      g.Input("i32", gguf.I32, 6, 4),
		ids:      g.Input("ids", gguf.I32, 4),
		far:      g.Input("far", gguf.I64, 4),
		q8:       NewWeights(q8).Get("q8", 32, 4),
		readOnly: w.Get("f", 6, 4),
		repacked: w.Get("p", 32, 8),
		other:    newGraph(t, back, 4, nil).Input("other", gguf.F32, 6, 4),
		gone:     NewWeights(closed).Get("x", 6, 4),
	}
	b.t = g.Transpose(g.Input("turned", gguf.F32, 4, 6))
	b.strip = g.View(b.wide, []int{1, 0}, 6, 4)
	if back.Kernels() {
		packed, err := PackStore(dev, "packed", page(4*64*64), []Spec{{Name: "w", Type: gguf.F32, Shape: []int{64, 64}, Product: true}}, 1)
		must(t, err)
		t.Cleanup(func() { must(t, packed.Close()) })
		b.packed = NewWeights(packed).Get("w", 64, 64)
	}
	must(t, g.Err())
	return b
}

// row is the first row of m: f32 [6].
func (b *bench) row() Tensor { return b.View(b.m, []int{0}, 6) }

// TestWrongCallsAreRefused holds the error of each wrong call: it must say what
// is wrong, stay the graph's first error and make all that follows do nothing.
func TestWrongCallsAreRefused(t *testing.T) {
	dev := anyDoor(t)
	t.Run("ggml", func(t *testing.T) { refuse(t, newBackend(t, dev, 1), refusals) })
	t.Run("kernels", func(t *testing.T) {
		if len(kernels.Levels()) == 0 {
			t.Skip(kernels.ErrNone)
		}
		refuse(t, kernelBackend(t, dev, 1, kernels.Auto), kernelRefusals)
	})
}

func refuse(t *testing.T, back *Backend, refusals []refusal) {
	for _, c := range refusals {
		t.Run(c.want, func(t *testing.T) {
			b := newBench(t, back)
			if strings.Contains(c.want, "layout") && !b.repacked.repacked {
				t.Skip("this build of ggml has no layout of its own for q4_0: build with make")
			}
			if x := c.do(b); x.home != nil {
				t.Fatalf("accepted: %v", x)
			}
			err := b.Err()
			if err == nil || !strings.HasPrefix(err.Error(), "nn: ") || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if strings.Contains(c.want, ErrClosed.Error()) != errors.Is(err, ErrClosed) {
				t.Errorf("errors.Is(%q, ErrClosed) is %t", err, errors.Is(err, ErrClosed))
			}
			room := b.room
			if x := b.Add(b.m, b.m); x.home != nil || b.room != room {
				t.Error("an operation after the error was done")
			}
			b.Norm(b.half, nan)
			b.Run(b.m)
			if got := b.Compile(b.m); got != err || b.Err() != err || b.Compute(context.Background()) != err {
				t.Errorf("errors that follow %v, Err %v, want the first: %v", got, b.Err(), err)
			}
		})
	}
}

// TestTooManyLeaves reads as many weights as the graph was made for, beside an
// input, and then one more: ggml's list of inputs and weights has a fixed length.
func TestTooManyLeaves(t *testing.T) {
	dev := anyDoor(t)
	var specs []Spec
	for _, name := range []string{"a", "b", "c"} {
		specs = append(specs, Spec{Name: name, Type: gguf.F32, Shape: []int{4}})
	}
	w := NewWeights(newStore(t, dev, specs...))
	b := newBackend(t, dev, 1)
	full := newGraph(t, b, 2, nil)
	must(t, full.Compile(full.SetRows(w.Get("a", 4), w.Get("b", 4), full.Input("rows", gguf.I64, 1))))

	g := newGraph(t, b, 2, nil)
	g.Add(g.Add(w.Get("a", 4), w.Get("b", 4)), w.Get("c", 4))
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "add: the graph reads more than 2 tensors of stores") {
		t.Fatal(err)
	}
}
