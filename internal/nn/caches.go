package nn

import (
	"fmt"
	"slices"
	"sync"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// Inputs of a step over several sequences, whose caches are stores of one layout. A
// graph reads the addresses of the caches from an input, so it serves any sequences.

// A layout says where the tensors of a store lie. Stores of equal specs have equal
// layouts.
type layout []slot

type slot struct {
	name   string
	typ    gguf.Type
	ne     [4]int
	offset uintptr // from the store's origin
}

// layOut notes where tensors lie, the first of which is the store's origin.
func (s *Store) layOut(specs []Spec) {
	for i, spec := range specs {
		x := s.tensors[spec.Name]
		if i == 0 {
			s.origin = x.address()
		}
		s.layout = append(s.layout, slot{spec.Name, x.typ, x.ne, x.address() - s.origin})
	}
}

// A Place says where a row's key and value go in the cache of its sequence, and which
// keys it then sees: those at places [0, Shared) and [From, To).
type Place struct{ At, Shared, From, To int }

// A stepInput is an input that SetCaches or SetPlaces fills.
type stepInput struct {
	name   string
	like   *Store // of caches; only its layout and its tensors' names are read
	layout layout
	stores []*Store
	places []Place
	tokens int // that the caches of the places have room for
	set    bool
}

// A stepPair is the inputs of a StepAttention.
type stepPair struct{ caches, places bindings.Tensor }

// Caches adds an input for the caches of n rows, which are stores of the layout of
// like: i64 [n]. SetCaches fills it. The graph does not keep like open.
func (g *Graph) Caches(name string, like *Store, n int) Tensor {
	if g.err == nil && len(like.layout) == 0 {
		return g.fail("input "+name, "store %s is not one that NewStore made", like.name)
	}
	return g.stepInput(&stepInput{name: name, like: like, layout: like.layout}, gguf.I64, n) // [n]
}

// Places adds an input for the places of n rows: i32 [4, n]. SetPlaces fills it.
func (g *Graph) Places(name string, n int) Tensor {
	return g.stepInput(&stepInput{name: name}, gguf.I32, 4, n) // [4, n]
}

func (g *Graph) stepInput(in *stepInput, t gguf.Type, shape ...int) Tensor {
	x := g.Input(in.name, t, shape...)
	if x.Valid() {
		delete(g.inputs, x.t) // Set would not check its values
		if g.stepInputs == nil {
			g.stepInputs = map[bindings.Tensor]*stepInput{}
		}
		g.stepInputs[x.t] = in
	}
	return x
}

// SetCaches gives each row of x, an input made by Caches, its cache. Compute holds
// the stores while it runs, and fails if one is closed then.
func SetCaches(g *Graph, x Tensor, stores []*Store) error {
	in, err := g.checkStep(x, len(stores), x.ne[0])
	if err != nil {
		return fmt.Errorf("nn: set caches: %w", err)
	}
	addresses := make([]int64, len(stores))
	for i, s := range stores {
		if s == nil {
			return fmt.Errorf("nn: set caches %q: row %d has no store", in.name, i)
		}
		err := s.hold()
		if err == nil {
			s.release()
			if !slices.Equal(s.layout, in.layout) {
				err = fmt.Errorf("%s has not the layout that the graph was made for", s.name)
			}
		}
		if err != nil {
			return fmt.Errorf("nn: set caches %q: row %d: %w", in.name, i, err)
		}
		addresses[i] = int64(s.origin)
	}
	if err := bindings.Set(x.t, 0, addresses); err != nil {
		return fmt.Errorf("nn: set caches %q: %w", in.name, err)
	}
	in.stores, in.set = slices.Clone(stores), true
	return nil
}

// SetPlaces gives each row of x, an input made by Places, its place. Places must lie
// in the caches, and a row must see a key.
func SetPlaces(g *Graph, x Tensor, places []Place) error {
	in, err := g.checkStep(x, len(places), x.ne[1])
	if err != nil {
		return fmt.Errorf("nn: set places: %w", err)
	}
	var values []int32
	for i, p := range places {
		if p.At < 0 || p.At >= in.tokens || p.Shared < 0 || p.From < p.Shared || p.To < p.From || p.To > in.tokens || p.Shared+p.To-p.From < 1 {
			return fmt.Errorf("nn: set places %q: row %d is %+v, want 0 <= At < %d, 0 <= Shared <= From <= To <= %d, and a key to see",
				in.name, i, p, in.tokens, in.tokens)
		}
		values = append(values, int32(p.At), int32(p.Shared), int32(p.From), int32(p.To))
	}
	if err := bindings.Set(x.t, 0, values); err != nil {
		return fmt.Errorf("nn: set places %q: %w", in.name, err)
	}
	in.places, in.set = slices.Clone(places), true
	return nil
}

// checkStep checks that x is an input of n rows that a step reads, and waits until
// nothing reads it.
func (g *Graph) checkStep(x Tensor, n, rows int) (*stepInput, error) {
	if err := g.checkAccess(x, x.Len(), true); err != nil {
		return nil, err
	}
	in := g.stepInputs[x.t]
	switch {
	case in == nil:
		return nil, fmt.Errorf("%v is not such an input", x)
	case n != rows:
		return nil, fmt.Errorf("%q: %d rows, want %d", in.name, n, rows)
	}
	g.waitAbandoned()
	return in, nil
}

// holdCaches keeps the caches of a step open until release, which the returned start
// also calls at its end: a computation that was abandoned goes on reading them.
func (g *Graph) holdCaches(start func() bindings.Status) (then func() bindings.Status, release func(), err error) {
	var held []*Store
	release = sync.OnceFunc(func() {
		for _, s := range held {
			s.release()
		}
	})
	if err := g.checkSteps(); err != nil {
		return nil, nil, err
	}
	for t, in := range g.stepInputs {
		for i, s := range in.stores {
			if !t.Placed() {
				continue
			}
			if err := s.hold(); err != nil {
				release()
				return nil, nil, fmt.Errorf("nn: compute: caches %q: row %d: %w", in.name, i, err)
			}
			held = append(held, s)
		}
	}
	return func() bindings.Status {
		defer release()
		return start()
	}, release, nil
}

// checkSteps checks that the inputs of steps are set, and that no two rows write the
// same place of a cache.
func (g *Graph) checkSteps() error {
	var unset []string
	for t, in := range g.stepInputs {
		if !in.set && t.Placed() {
			unset = append(unset, in.name)
		}
	}
	if slices.Sort(unset); len(unset) > 0 {
		return fmt.Errorf("nn: compute: inputs %q are not set", unset)
	}
	for pair := range g.steps {
		stores, places := g.stepInputs[pair.caches].stores, g.stepInputs[pair.places].places
		for i, p := range places {
			for j := range i {
				if places[j].At == p.At && stores[i] == stores[j] && pair.places.Placed() {
					return fmt.Errorf("nn: compute: rows %d and %d both write place %d of %s", j, i, p.At, stores[i].name)
				}
			}
		}
	}
	return nil
}
