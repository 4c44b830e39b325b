//go:build cgo

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestRoPE turns heads of all even sizes up to two rounds of the widest
// vectors, and those of the models, at positions up to 8192.
func TestRoPE(t *testing.T) {
	sizes := []int{128, 256}
	for e := 2; e <= 80; e += 2 {
		sizes = append(sizes, e)
	}
	eachLevel(t, func(t *testing.T, level Level) {
		ps := pools(t)
		for _, e := range sizes {
			for _, heads := range []int{1, 3, 8} {
				t.Run(fmt.Sprintf("e=%d,h=%d", e, heads), func(t *testing.T) { testRoPE(t, ps, level, e, heads) })
			}
		}
	})
}

func testRoPE(t *testing.T, ps []*Pool, level Level, e, heads int) {
	r := rand.New(rand.NewPCG(uint64(e), uint64(heads)))
	positions := fenced[int32](t, 11)
	copy(positions, []int32{0, 1, 2, 3, 255, 1000, 1 << 12, 4351, 8191, 8192, 1<<20 - 1})
	n, step := len(positions), heads*e+e%3
	x := fill(r, fenced[float32](t, n*step))
	op := RoPE{HeadDim: e, Heads: heads, Tokens: n, X: addr(x), XHead: e, XToken: step, Positions: addr(positions), Base: 1e4,
		Out: Places{Row: step, Channel: 1, Size: n}, OutHead: e, Level: level}
	var want []float64
	for i, p := range positions {
		for h := range heads {
			want = append(want, rope(x[i*step+h*e:][:e], p, op.Base)...)
		}
	}
	var one []float32
	for _, p := range ps {
		out := newGuarded(t, n, heads*e, step, e%2)
		op.Out.To = out.addr()
		p.run(&op, nil)
		got := out.read(t)
		if one == nil {
			one = got
			closeTo(t, got, want, 2e-7)
		}
		same(t, one, got)
	}
	op.Out.To = op.X // in place
	ps[0].run(&op, nil)
	for i := range n {
		same(t, one[i*heads*e:][:heads*e], x[i*step:][:heads*e])
	}
}

// A storing is a way to write tokens to a cache.
type storing struct {
	half, channels, places bool
}

func (s storing) String() string {
	return fmt.Sprintf("half=%t,channels=%t,places=%t", s.half, s.channels, s.places)
}

const cacheSize = 9 // rows of the caches below

// check runs op, made for a Places, and compares the cache with want [d] of
// each token.
func (s storing) check(t *testing.T, ps []*Pool, d int, op func(out Places) Op, want func(token int) []float64) {
	t.Helper()
	rows := []int{4, 5, 6, 7, 8, -1} // the last is beyond the end
	out := Places{Half: s.half, Size: cacheSize, Start: 4, Row: d + 3, Channel: 1}
	if s.channels {
		out.Row, out.Channel = 1, cacheSize+2
	}
	if s.places {
		rows = []int{8, 0, -1, 3, 2, -1}
		places := fenced[int64](t, len(rows))
		copy(places, []int64{8, 0, -1, 3, 2, cacheSize})
		out.Rows = addr(places)
	}
	size := (cacheSize-1)*out.Row + (d-1)*out.Channel + 1
	for _, p := range ps {
		full, half := fenced[float32](t, size), fenced[uint16](t, size)
		set(full, 7)
		for i := range half {
			half[i] = 0x4700 // 7
		}
		out.To = addr(full)
		if s.half {
			out.To = addr(half)
		}
		p.run(op(out), nil)
		if s.half {
			for i, h := range half {
				full[i] = fromHalf(h)
			}
		}
		written := map[int]bool{}
		for token, row := range rows {
			if row < 0 {
				continue
			}
			var got []float32
			for c := range d {
				got = append(got, full[row*out.Row+c*out.Channel])
				written[row*out.Row+c*out.Channel] = true
			}
			tol := 2e-7
			if s.half {
				tol = 4.9e-4 // half of the last of 11 bits
			}
			closeTo(t, got, want(token), tol)
		}
		for i, x := range full {
			if !written[i] && x != 7 {
				t.Fatalf("element %d was written", i)
			}
		}
	}
}

// eachStoring runs f for all ways to write to a cache.
func eachStoring(t *testing.T, f func(t *testing.T, ps []*Pool, level Level, s storing)) {
	eachLevel(t, func(t *testing.T, level Level) {
		ps := pools(t)
		for bits := range 8 {
			s := storing{bits&1 != 0, bits&2 != 0, bits&4 != 0}
			t.Run(s.String(), func(t *testing.T) { f(t, ps, level, s) })
		}
	})
}

// TestRoPEToCache writes turned keys to their rows.
func TestRoPEToCache(t *testing.T) {
	eachStoring(t, func(t *testing.T, ps []*Pool, level Level, s storing) {
		if s.channels {
			t.Skip("keys lie in rows per token")
		}
		for _, e := range []int{6, 8, 64, 72, 256} {
			const heads, n = 2, 6
			x := fill(rand.New(rand.NewPCG(uint64(e), 1)), fenced[float32](t, n*heads*e))
			positions := fenced[int32](t, n)
			for i := range positions {
				positions[i] = int32(i * 50)
			}
			s.check(t, ps, heads*e, func(out Places) Op {
				return &RoPE{HeadDim: e, Heads: heads, Tokens: n, X: addr(x), XHead: e, XToken: heads * e,
					Positions: addr(positions), Base: 1e4, Out: out, OutHead: e, Level: level}
			}, func(token int) (want []float64) {
				for h := range heads {
					want = append(want, rope(x[(token*heads+h)*e:][:e], positions[token], 1e4)...)
				}
				return want
			})
		}
	})
}

// TestStore writes values to their rows, or to places in the channels' rows.
func TestStore(t *testing.T) {
	eachStoring(t, func(t *testing.T, ps []*Pool, level Level, s storing) {
		for d := 1; d <= 70; d++ {
			const n = 6
			x := fill(rand.New(rand.NewPCG(uint64(d), 2)), fenced[float32](t, n*d))
			s.check(t, ps, d, func(out Places) Op {
				return &Store{Size: d, Tokens: n, X: addr(x), XToken: d, Out: out, Level: level}
			}, func(token int) (want []float64) {
				for _, v := range x[token*d:][:d] {
					want = append(want, float64(v))
				}
				return want
			})
		}
	})
}
