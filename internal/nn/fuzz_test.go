package nn

import (
	"context"
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

var (
	fuzzSeed  = flag.Uint64("nn.seed", 0, "TestRandomGraphs: build only the graph of this seed")
	fuzzSeeds = flag.Uint64("nn.seeds", 700, "TestRandomGraphs: how many seeds, through each door")
)

// TestRandomGraphs builds graphs of random operations on random shapes, types,
// views and permutations. Most calls are wrong. The nodes that nn accepts must
// have the shape and the memory that ggml gives them, must not end the process,
// and must have the values of their definitions.
//
// When ggml ends the process, the seed is the first argument of randomGraph in
// the trace, in hexadecimal.
func TestRandomGraphs(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		alone, shared := newBackend(t, dev, 1), newBackend(t, dev, 2)
		store := randomStore(t, dev)
		weights := randomWeights(t, dev)
		n := fuzzCounts{accepted: map[string]int{}}
		first, last := uint64(1), *fuzzSeeds
		if *fuzzSeed != 0 {
			first, last = *fuzzSeed, *fuzzSeed
		}
		for seed := first; seed <= last && !t.Failed(); seed++ {
			b := alone
			if seed%16 == 0 { // threads wait for each other at every node, which takes long on busy machines
				b = shared
			}
			randomGraph(seed, t, b, store, weights, &n)
		}
		t.Logf("%d graphs, %d operations refused, %d values compared, accepted: %v", n.graphs, n.refused, n.compared, n.accepted)
		for name := range fuzzOps {
			if *fuzzSeed == 0 && n.accepted[name] == 0 && !testing.Short() && n.graphs > 500 {
				t.Errorf("no %s was accepted", name)
			}
		}
	})
}

type fuzzCounts struct {
	graphs, refused, compared int
	accepted                  map[string]int
}

// An entry is a tensor of a pool, with its values if they are known.
type entry struct {
	Tensor
	root  int // entries of one root share memory
	known *array
}

// A pool is a graph that is being built and the tensors to choose operands from.
type pool struct {
	*rand.Rand
	*Graph
	all []entry
}

//go:noinline
func randomGraph(seed uint64, t *testing.T, b *Backend, store, weights *Store, n *fuzzCounts) {
	p := &pool{Rand: rand.New(rand.NewPCG(seed, 0))}
	var trace TraceFunc
	if p.IntN(4) == 0 {
		trace = func(string, []int, []float32) {}
	}
	g, err := NewGraph(b, 60, trace)
	must(t, err)
	defer g.Close()
	p.Graph = g
	p.addStores(store, weights)
	set := p.addInputs(t)

	names := slices.Sorted(func(yield func(string) bool) {
		for name := range fuzzOps {
			if !yield(name) {
				return
			}
		}
	})
	ordered := p.IntN(2) == 0 // computed as built, so that values can be known
	for range 5 + p.IntN(40) {
		name := names[p.IntN(len(names))]
		y := fuzzOps[name](p)
		if g.err != nil || y.home == nil {
			g.err = nil // for once, go on
			n.refused++
			continue
		}
		n.accepted[name]++
		p.agree(seed, t, name, y)
		if !ordered {
			y.known = nil
		} else {
			g.Run(y.Tensor)
		}
		g.Tap(name, y.Tensor)
		g.err = nil
		p.all = append(p.all, y)
	}
	var outputs []entry
	var tensors []Tensor
	for range 1 + p.IntN(6) {
		if y := p.any(); y.home == g.home {
			outputs, tensors = append(outputs, y), append(tensors, y.Tensor)
		}
	}
	if err := g.Compile(tensors...); err != nil {
		return // nothing but inputs and stores
	}
	n.graphs++
	for range 2 {
		set()
		if err := g.Compute(context.Background()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, y := range outputs {
			n.compared += p.compare(seed, t, y)
		}
	}
}

// agree compares the shape, size and contiguity of a tensor in nn and in ggml.
func (p *pool) agree(seed uint64, t *testing.T, name string, y entry) {
	x := y.Tensor
	switch {
	case x.t.Len() != x.Len(), x.t.Bytes() != x.Bytes(), x.t.Dims() != len(x.Shape()):
		t.Fatalf("seed %d: %s: %v has %d elements, %d bytes; ggml has %d, %d in %d axes", seed, name, x, x.Len(), x.Bytes(),
			x.t.Len(), x.t.Bytes(), x.t.Dims())
	case x.t.Contiguous() != x.Contiguous():
		t.Fatalf("seed %d: %s: %v %v contiguous %t, ggml says %t", seed, name, x, x.nb, x.Contiguous(), x.t.Contiguous())
	case x.rowsContiguous() && !x.t.ContiguousRows():
		t.Fatalf("seed %d: %s: %v %v has contiguous rows, ggml says not", seed, name, x, x.nb)
	case y.known != nil && y.known.ne != x.ne:
		t.Fatalf("seed %d: %s: %v, want shape %v", seed, name, x, y.known.ne)
	}
}

// compare holds an output against its known values and counts them. The
// tolerance allows for bfloat16 and chains of operations: the aim is to catch
// elements taken from the wrong place.
func (p *pool) compare(seed uint64, t *testing.T, y entry) int {
	if !y.Contiguous() || y.typ != gguf.F32 {
		return 0
	}
	got := get(t, p.Graph, y.Tensor)
	if y.known == nil || !y.known.tame() {
		return 0
	}
	square := 0.0
	for _, v := range y.known.v {
		square += v * v
	}
	allowed := 0.05*math.Sqrt(square/float64(len(got))) + 0.02
	for i, want := range y.known.v {
		if !(math.Abs(float64(got[i])-want) <= allowed) {
			t.Fatalf("seed %d: %s %v: value %d is %v, want %v", seed, y.t.Op(), y, i, got[i], want)
		}
	}
	return len(got)
}

// tame reports whether float16 can hold the values with some room.
func (a array) tame() bool {
	return !slices.ContainsFunc(a.v, func(v float64) bool { return !(math.Abs(v) < 300) })
}

// any picks a tensor, more often one of the later tensors.
func (p *pool) any() entry {
	return p.all[max(p.IntN(len(p.all)), p.IntN(len(p.all)))]
}

// pick looks for a tensor that fits; one time in ten it takes any tensor.
func (p *pool) pick(fits func(x Tensor) bool) entry {
	e := p.any()
	for range 30 {
		if fits(e.Tensor) || p.IntN(300) == 0 {
			return e
		}
		e = p.any()
	}
	return e
}

// shape returns a small random shape.
func (p *pool) shape() []int {
	s := make([]int, 1+p.IntN(4))
	for i := range s {
		s[i] = []int{1, 1, 2, 3, 4, 5, 6, 8}[p.IntN(8)]
	}
	if p.IntN(4) == 0 {
		s[0] = 32
	}
	return s
}

// result makes an entry with memory of its own.
func (p *pool) result(y Tensor, known func() array, operands ...entry) entry {
	e := entry{Tensor: y, root: -1 - len(p.all)}
	for _, x := range operands {
		if x.known == nil || !x.known.tame() {
			return e
		}
	}
	if y.home != nil && known != nil {
		a := known()
		e.known = &a
	}
	return e
}

// alias makes an entry in the memory of x.
func (p *pool) alias(y Tensor, x entry, known func() array) entry {
	e := p.result(y, known, x)
	e.root = x.root
	return e
}

// forget drops the known values of all entries in the memory of x, which a node
// overwrites.
func (p *pool) forget(x entry) {
	for i := range p.all {
		if p.all[i].root == x.root {
			p.all[i].known = nil
		}
	}
}
