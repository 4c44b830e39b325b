//go:build cgo

package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/internal/testrace"
)

// A stepsCase is a Steps on random numbers. Caches of rows are numbered.
type stepsCase struct {
	h, hk, e, tokens int
	softcap          float32
	half             bool
	caches           []int
	places           []Place
}

func (c stepsCase) String() string {
	return fmt.Sprintf("h=%d/%d,e=%d,softcap=%g,half=%t,places=%v", c.h, c.hk, c.e, c.softcap, c.half, c.places)
}

// A stepsInput is the memory of a case: rows and caches, as numbers and as float16.
type stepsInput struct {
	q, k, v []float32
	caches  [][]float32 // keys, then values
}

// exactHalves makes every number of x one that float16 holds.
func exactHalves(t *testing.T, x []float32) []float32 {
	for i, h := range toHalf(t, x) {
		x[i] = fromHalf(h)
	}
	return x
}

func (c stepsCase) input(t *testing.T, r *rand.Rand) *stepsInput {
	n, width := len(c.places), c.hk*c.e
	in := &stepsInput{
		q: fill(r, fenced[float32](t, n*c.h*c.e)),
		k: exactHalves(t, fill(r, fenced[float32](t, n*width))),
		v: exactHalves(t, fill(r, fenced[float32](t, n*width))),
	}
	for range slices.Max(c.caches) + 1 {
		in.caches = append(in.caches, exactHalves(t, fill(r, fenced[float32](t, 2*c.tokens*width))))
	}
	return in
}

// run computes rows of the case, on fresh copies of the caches, and returns the
// results and the caches.
func (c stepsCase) run(t *testing.T, p *Pool, level Level, in *stepsInput, rows ...int) ([]float32, [][]float32) {
	t.Helper()
	width, size := c.hk*c.e, 4
	if c.half {
		size = 2
	}
	var floats [][]float32
	var halves [][]uint16
	for _, cache := range in.caches {
		if c.half {
			halves = append(halves, toHalf(t, cache))
		} else {
			copied := fenced[float32](t, len(cache))
			copy(copied, cache)
			floats = append(floats, copied)
		}
	}
	n := len(rows)
	q, k, v := fenced[float32](t, n*c.h*c.e), fenced[float32](t, n*width), fenced[float32](t, n*width)
	addresses, places := fenced[int64](t, n), fenced[Place](t, n)
	for i, row := range rows {
		copy(q[i*c.h*c.e:], in.q[row*c.h*c.e:][:c.h*c.e])
		copy(k[i*width:], in.k[row*width:][:width])
		copy(v[i*width:], in.v[row*width:][:width])
		places[i] = c.places[row]
		if c.half {
			addresses[i] = int64(addr(halves[c.caches[row]]))
		} else {
			addresses[i] = int64(addr(floats[c.caches[row]]))
		}
	}
	out := newGuarded(t, n, c.h*c.e, c.h*c.e+n%3, 1)
	op := Steps{N: n, Heads: c.h, KeyHeads: c.hk, HeadDim: c.e, Scale: float32(1 / math.Sqrt(float64(c.e))), Softcap: c.softcap,
		Q: addr(q), QHead: c.e, QToken: c.h * c.e, K: addr(k), KHead: c.e, KToken: width, V: addr(v), VHead: c.e, VToken: width,
		Caches: addr(addresses), Places: addr(places), Tokens: c.tokens, Values: size * c.tokens * width, Half: c.half,
		Out: out.addr(), OutToken: out.step, Level: level, Threads: p.Threads()}
	compute(t, p, &op)
	for _, h := range halves {
		values := make([]float32, len(h))
		for i := range h {
			values[i] = fromHalf(h[i])
		}
		floats = append(floats, values)
	}
	return out.read(t), floats
}

// check compares the case with its definition, each row with the row alone, and the
// caches with what must have been written.
func (c stepsCase) check(t *testing.T, ps []*Pool, level Level) {
	in := c.input(t, rand.New(rand.NewPCG(13, uint64(len(c.places)))))
	var all []int
	width := c.hk * c.e
	after := make([][]float32, len(in.caches))
	for i := range in.caches {
		after[i] = slices.Clone(in.caches[i])
	}
	for row, p := range c.places {
		all = append(all, row)
		cache := after[c.caches[row]]
		copy(cache[int(p.At)*width:], in.k[row*width:][:width])
		copy(cache[(c.tokens+int(p.At))*width:], in.v[row*width:][:width])
	}
	var want []float64
	for row, p := range c.places {
		cache := after[c.caches[row]]
		want = append(want, step(p, c.h, c.hk, c.e, 1/math.Sqrt(float64(c.e)), float64(c.softcap),
			func(head, ch int) float64 { return float64(in.q[(row*c.h+head)*c.e+ch]) },
			func(place, head, ch int) float64 { return float64(cache[place*width+head*c.e+ch]) },
			func(place, head, ch int) float64 { return float64(cache[(c.tokens+place)*width+head*c.e+ch]) })...)
	}
	var first []float32
	for _, p := range ps {
		got, caches := c.run(t, p, level, in, all...)
		if first == nil {
			first = got
			closeTo(t, got, want, attentionTol)
			for i := range caches {
				same(t, caches[i], after[i])
			}
		}
		same(t, first, got)
	}
	in.caches = after // which the rows of one sequence need of each other
	for row := range c.places {
		alone, _ := c.run(t, ps[row%3], level, in, row)
		same(t, alone, first[row*c.h*c.e:][:c.h*c.e])
	}
}

// TestStepsEqualRowsAlone has sequences of all lengths around parts of keys, several
// tokens of one sequence, several continuations of one prefix, and head dims.
func TestStepsEqualRowsAlone(t *testing.T) {
	next := func(at int) Place {
		return Place{At: int32(at), Shared: int32(at + 1), From: int32(at + 1), To: int32(at + 1)}
	}
	var lengths, continued, mixed []Place
	for _, keys := range []int{1, 2, 127, 128, 129, 255, 256, 257, 300, 384} {
		lengths = append(lengths, next(keys-1))
	}
	for i := range 6 { // two continuations of a prefix of 200 tokens, of 3 and 3 tokens
		from := 200 + i/3*60
		continued = append(continued, Place{At: int32(from + i%3), Shared: 200, From: int32(from), To: int32(from + i%3 + 1)})
	}
	mixed = append(append(mixed, next(40), next(41), next(42), next(43)), continued...)
	numbered := func(n int) (all []int) {
		for i := range n {
			all = append(all, i)
		}
		return all
	}
	cases := []stepsCase{
		{h: 8, hk: 1, e: 256, caches: numbered(10), places: lengths},
		{h: 4, hk: 2, e: 72, softcap: 20, caches: numbered(10), places: lengths},
		{h: 2, hk: 2, e: 8, caches: make([]int, 6), places: continued},
		{h: 4, hk: 1, e: 64, softcap: 50, caches: []int{0, 0, 0, 0, 1, 1, 1, 1, 1, 1}, places: mixed},
		{h: 6, hk: 2, e: 128, caches: []int{0}, places: []Place{{At: 390, Shared: 128, From: 140, To: 391}}},
		{h: 1, hk: 1, e: 16, caches: []int{0, 1}, places: []Place{{At: 5, Shared: 0, From: 5, To: 6}, {At: 0, Shared: 0, From: 0, To: 400}}},
	}
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		for i, c := range cases {
			for _, half := range []bool{false, true} {
				if c.tokens, c.half = 400, half; testrace.Chosen(i) {
					t.Run(c.String(), func(t *testing.T) { c.check(t, ps, level) })
				}
			}
		}
	})
}

// TestStepsDoNotDependOnPlaces moves the second range of a row's keys, and compares
// with the range right behind the first, and with Attention over one range.
func TestStepsDoNotDependOnPlaces(t *testing.T) {
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		for _, keys := range []int{2, 100, 128, 129, 200, 300} {
			for _, shared := range []int{0, 1, 50, 127, 128, 130, 256} {
				if shared >= keys {
					continue
				}
				c := stepsCase{h: 8, hk: 1, e: 64, tokens: 600, half: keys%2 == 0, caches: []int{0},
					places: []Place{{At: int32(keys - 1), Shared: int32(shared), From: int32(shared), To: int32(keys)}}}
				in := c.input(t, rand.New(rand.NewPCG(14, uint64(keys))))
				want, after := c.run(t, ps[0], level, in, 0)
				for _, gap := range []int{1, 77, 300} {
					cache := in.caches[0]
					for j := keys - 1; j >= shared; j-- {
						for _, base := range []int{0, c.tokens} {
							copy(cache[(base+j+gap)*c.e:][:c.e], after[0][(base+j)*c.e:][:c.e])
						}
					}
					moved := c
					p := c.places[0]
					moved.places = []Place{{At: p.At + int32(gap), Shared: p.Shared, From: p.From + int32(gap), To: p.To + int32(gap)}}
					got, _ := moved.run(t, ps[gap%3], level, in, 0)
					same(t, got, want)
				}
				testStepIsAttention(t, ps[1], level, c, in, after[0], want)
			}
		}
	})
}

// testStepIsAttention compares a row over one range of keys with Attention.
func testStepIsAttention(t *testing.T, p *Pool, level Level, c stepsCase, in *stepsInput, cache, want []float32) {
	out, k := fenced[float32](t, c.h*c.e), fenced[float32](t, len(cache))
	copy(k, cache)
	a := Attention{Queries: 1, Keys: int(c.places[0].To), Heads: c.h, KeyHeads: c.hk, HeadDim: c.e, Scale: float32(1 / math.Sqrt(float64(c.e))),
		Q: addr(in.q), QHead: c.e, QToken: c.h * c.e, K: addr(k), V: addr(k[c.tokens*c.e:]), KHead: c.e, KToken: c.e, VHead: c.e, VToken: c.e, VChannel: 1,
		Out: addr(out), OutToken: c.h * c.e, Level: level, Threads: p.Threads()}
	compute(t, p, &a)
	same(t, out, want)
}
