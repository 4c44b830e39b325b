package nn

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

const stepE, stepH, stepHK, stepTokens = 64, 4, 2, 300

// stepSpecs are caches of two layers.
func stepSpecs(typ gguf.Type, tokens int) (specs []Spec) {
	for _, name := range []string{"0.k", "0.v", "1.k", "1.v"} {
		specs = append(specs, Spec{Name: name, Type: typ, Shape: []int{stepE * stepHK, tokens}})
	}
	return specs
}

// A stepGraph is the attention of n rows in layer 1 of the caches.
type stepGraph struct {
	*Graph
	q, k, v, caches, places, out Tensor
}

func newStepGraph(t *testing.T, b *Backend, like *Store, n int) stepGraph {
	t.Helper()
	s := stepGraph{Graph: newGraph(t, b, 20, nil)}
	s.q, s.k = s.Input("q", gguf.F32, stepE, stepH, n), s.Input("k", gguf.F32, stepE, stepHK, n)
	s.v, s.caches, s.places = s.Input("v", gguf.F32, stepE, stepHK, n), s.Caches("caches", like, n), s.Places("places", n)
	w := NewWeights(like)
	keys, values := w.Get("1.k", stepE*stepHK, stepTokens), w.Get("1.v", stepE*stepHK, stepTokens)
	must(t, w.Err())
	s.out = s.StepAttention(s.q, s.k, s.v, s.caches, s.places, keys, values, 0.125, 30)
	must(t, s.Compile(s.out))
	return s
}

func (s stepGraph) set(t *testing.T, q, k, v []float32, stores []*Store, places []Place) {
	t.Helper()
	must(t, Set(s.Graph, s.q, q))
	must(t, Set(s.Graph, s.k, k))
	must(t, Set(s.Graph, s.v, v))
	must(t, SetCaches(s.Graph, s.caches, stores))
	must(t, SetPlaces(s.Graph, s.places, places))
}

// TestStepAttentionEqualsAttention writes and reads caches token by token, several
// sequences in a step, and compares with SetRows and Attention of each sequence
// alone, bit for bit.
func TestStepAttentionEqualsAttention(t *testing.T) {
	eachLevel(t, func(t *testing.T, dev bindings.Device, level kernels.Level) {
		for _, typ := range []gguf.Type{gguf.F16, gguf.F32} {
			t.Run(typ.String(), func(t *testing.T) {
				const n, steps = 3, 5
				b := kernelBackend(t, dev, 2, level)
				r := rand.New(rand.NewPCG(15, 15))
				var ours, theirs []*Store
				for range n {
					ours, theirs = append(ours, newStore(t, dev, stepSpecs(typ, stepTokens)...)), append(theirs, newStore(t, dev, stepSpecs(typ, stepTokens)...))
				}
				step := newStepGraph(t, b, ours[0], n)
				for i := range steps {
					q, k, v := normal(r, stepE*stepH*n), normal(r, stepE*stepHK*n), normal(r, stepE*stepHK*n)
					var places []Place
					for row := range n {
						at := row*(stepTokens-steps)/n + i // a sequence's first places hold zeros
						places = append(places, Place{At: at, Shared: at + 1, From: at + 1, To: at + 1})
					}
					step.set(t, q, k, v, ours, places)
					compute(t, step.Graph)
					got := get(t, step.Graph, step.out)
					for row, p := range places {
						want := oneStep(t, b, theirs[row], p.At, q[row*stepE*stepH:][:stepE*stepH], k[row*stepE*stepHK:][:stepE*stepHK], v[row*stepE*stepHK:][:stepE*stepHK])
						if !slices.Equal(got[row*stepE*stepH:][:stepE*stepH], want) {
							t.Fatalf("step %d: row %d differs from the attention of its sequence alone", i, row)
						}
					}
				}
			})
		}
	})
}

// oneStep is the attention of one token at a place, by SetRows and Attention.
func oneStep(t *testing.T, b *Backend, s *Store, at int, q, k, v []float32) []float32 {
	t.Helper()
	g, w := newGraph(t, b, 40, nil), NewWeights(s)
	row := func(name string, x Tensor) Tensor {
		cache := w.Get(name, stepE*stepHK, stepTokens)
		g.Run(g.SetRows(cache, x, g.Input("row "+name, gguf.I64, 1)))
		return g.View(g.Reshape(cache, stepE, stepHK, stepTokens), []int{0, 0, 0}, stepE, stepHK, at+1) // [e, hk, m]
	}
	rows := map[string]Tensor{}
	input := func(name string, n int) Tensor {
		rows[name] = g.Input(name, gguf.F32, n, 1)
		return rows[name]
	}
	query, key, value := g.Input("q", gguf.F32, stepE, stepH, 1), input("k", stepE*stepHK), input("v", stepE*stepHK)
	keys, values := row("1.k", key), row("1.v", value)
	out := g.Attention(g.Permute(query, 0, 2, 1, 3), g.Permute(keys, 0, 2, 1, 3), g.Permute(values, 1, 2, 0, 3), Tensor{}, 0.125, 30)
	must(t, w.Err())
	must(t, g.Compile(out))
	must(t, Set(g, query, q))
	must(t, Set(g, key, k))
	must(t, Set(g, value, v))
	for x, in := range g.inputs {
		if strings.HasPrefix(in.name, "row ") {
			must(t, Set(g, Tensor{t: x, typ: gguf.I64, ne: [4]int{1, 1, 1, 1}, home: g.home}, []int64{int64(at)}))
		}
	}
	compute(t, g)
	return get(t, g, out)
}

// TestStepAttentionReadsNothingElse refuses caches and places that would read or
// write memory of something else, and caches that are closed.
func TestStepAttentionReadsNothingElse(t *testing.T) {
	eachLevel(t, func(t *testing.T, dev bindings.Device, level kernels.Level) {
		b := kernelBackend(t, dev, 2, level)
		like, other := newStore(t, dev, stepSpecs(gguf.F16, stepTokens)...), newStore(t, dev, stepSpecs(gguf.F16, stepTokens)...)
		s := newStepGraph(t, b, like, 2)
		zeros := func(n int) []float32 { return make([]float32, n) }
		good := []Place{{0, 1, 1, 1}, {stepTokens - 1, 0, 5, stepTokens}}
		must(t, Set(s.Graph, s.q, zeros(stepE*stepH*2)))
		must(t, Set(s.Graph, s.k, zeros(stepE*stepHK*2)))
		must(t, Set(s.Graph, s.v, zeros(stepE*stepHK*2)))
		wants := func(what string, err error, want string) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", what, err, want)
			}
		}
		wants("nothing set", s.Compute(context.Background()), `inputs ["caches" "places"] are not set`)
		must(t, SetCaches(s.Graph, s.caches, []*Store{like, other}))
		must(t, SetPlaces(s.Graph, s.places, good))
		compute(t, s.Graph)

		for _, p := range []Place{{-1, 1, 1, 1}, {stepTokens, 1, 1, 1}, {0, -1, 1, 1}, {0, 2, 1, 3}, {0, 0, 3, 2}, {0, 0, 0, 0}, {0, 0, 5, 5}, {0, 1, 1, stepTokens + 1}} {
			wants("a bad place", SetPlaces(s.Graph, s.places, []Place{good[0], p}), "row 1 is {At:")
		}
		wants("too few places", SetPlaces(s.Graph, s.places, good[:1]), "1 rows, want 2")
		wants("too few caches", SetCaches(s.Graph, s.caches, []*Store{like}), "1 rows, want 2")
		wants("no cache", SetCaches(s.Graph, s.caches, []*Store{like, nil}), "row 1 has no store")
		wants("addresses", Set(s.Graph, s.caches, []int64{1, 2}), "is not an input")
		wants("numbers of places", Set(s.Graph, s.places, make([]int32, 8)), "is not an input")
		wants("places for caches", SetCaches(s.Graph, s.q, make([]*Store, stepE)), "is not such an input")
		for _, specs := range [][]Spec{stepSpecs(gguf.F32, stepTokens), stepSpecs(gguf.F16, stepTokens-1), stepSpecs(gguf.F16, stepTokens)[:2]} {
			wants("another layout", SetCaches(s.Graph, s.caches, []*Store{like, newStore(t, dev, specs...)}), "row 1: ")
		}
		must(t, SetCaches(s.Graph, s.caches, []*Store{like, like}))
		must(t, SetPlaces(s.Graph, s.places, []Place{good[0], {0, 1, 1, 1}}))
		wants("two rows at a place", s.Compute(context.Background()), "rows 0 and 1 both write place 0")

		must(t, SetPlaces(s.Graph, s.places, good))
		must(t, SetCaches(s.Graph, s.caches, []*Store{other, other}))
		compute(t, s.Graph)
		must(t, like.Close()) // the graph serves other stores of its layout
		compute(t, s.Graph)
		must(t, other.Close())
		if err := s.Compute(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("a closed cache: error %v", err)
		}
		if err := SetCaches(s.Graph, s.caches, []*Store{other, other}); !errors.Is(err, ErrClosed) {
			t.Errorf("setting a closed cache: error %v", err)
		}
	})
}

// TestStepAttentionChecksOperands holds the error of each wrong operand.
func TestStepAttentionChecksOperands(t *testing.T) {
	eachLevel(t, func(t *testing.T, dev bindings.Device, level kernels.Level) {
		like := newStore(t, dev, stepSpecs(gguf.F16, stepTokens)...)
		w := NewWeights(like)
		keys, values := w.Get("0.k", stepE*stepHK, stepTokens), w.Get("0.v", stepE*stepHK, stepTokens)
		other := NewWeights(newStore(t, dev, stepSpecs(gguf.F16, stepTokens)...)).Get("0.k", stepE*stepHK, stepTokens)
		must(t, w.Err())
		for want, edit := range map[string]func(s *stepGraph, keys, values *Tensor){
			"caches i64 [3] and places i32 [4 2], want inputs made by Caches and Places for 2 rows": func(s *stepGraph, _, _ *Tensor) { s.caches = s.Caches("c", like, 3) },
			"caches i64 [2] and places i32 [4 2], want inputs":                                      func(s *stepGraph, _, _ *Tensor) { s.caches = s.Input("c", gguf.I64, 2) },
			"caches i64 [2] and places i32 [4 3], want inputs":                                      func(s *stepGraph, _, _ *Tensor) { s.places = s.Places("p", 3) },
			"want f32 in contiguous rows":                                                           func(s *stepGraph, _, _ *Tensor) { s.q = s.Input("f16", gguf.F16, stepE, stepH, 2) },
			"want [e h n], [e hk n], [e hk n]":                                                      func(s *stepGraph, _, _ *Tensor) { s.v = s.Input("one", gguf.F32, stepE, 1, 2) },
			"keys f16 [128 300], values f32 [64 2 2]: want f32 or f16 [128 tokens] of the store":    func(s *stepGraph, _, values *Tensor) { *values = s.v },
			"of the store that the caches are like":                                                 func(s *stepGraph, keys, _ *Tensor) { *keys = other },
		} {
			s := stepGraph{Graph: newGraph(t, kernelBackend(t, dev, 1, level), 20, nil)}
			s.q, s.k, s.v = s.Input("q", gguf.F32, stepE, stepH, 2), s.Input("k", gguf.F32, stepE, stepHK, 2), s.Input("v", gguf.F32, stepE, stepHK, 2)
			s.caches, s.places = s.Caches("caches", like, 2), s.Places("places", 2)
			k, v := keys, values
			edit(&s, &k, &v)
			s.StepAttention(s.q, s.k, s.v, s.caches, s.places, k, v, 1, 0)
			if err := s.Err(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
		g := newGraph(t, newBackend(t, dev, 1), 20, nil)
		q, k := g.Input("q", gguf.F32, stepE, stepH, 2), g.Input("k", gguf.F32, stepE, stepHK, 2)
		g.StepAttention(q, k, k, g.Caches("caches", like, 2), g.Places("places", 2), keys, values, 1, 0)
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), "the backend has no kernels") {
			t.Errorf("error %v, want one that the backend has no kernels", err)
		}
	})
}
