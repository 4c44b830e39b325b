//go:build cgo

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestSumAtVectorEdges goes over lengths up to some vectors and around the pieces
// of threads, and writes to a new place and over a.
func TestSumAtVectorEdges(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		ps := pools(t)
		sizes := []int{8191, 8192, 8193, 30000}
		for n := 0; n <= 66; n++ {
			sizes = append(sizes, n)
		}
		for _, n := range sizes {
			r := rand.New(rand.NewPCG(uint64(n), 3))
			a, b := fill(r, fenced[float32](t, n+1))[1:], fill(r, fenced[float32](t, n))
			want := make([]float64, n)
			for i := range want {
				want[i] = float64(a[i]) + float64(b[i])
			}
			for _, p := range ps {
				out := newGuarded(t, 1, n, n, n%3)
				p.run(&Sum{Len: n, A: addr(a), B: addr(b), Out: out.addr(), Level: level}, nil)
				closeTo(t, out.read(t), want, 2e-7)
			}
			ps[1].run(&Sum{Len: n, A: addr(a), B: addr(b), Out: addr(a), Level: level}, nil)
			closeTo(t, a, want, 2e-7)
		}
	})
}

// TestUnfoldKeepsOrder guards against squares or channels in another order.
func TestUnfoldKeepsOrder(t *testing.T) {
	ps := pools(t)
	for _, c := range []struct{ w, h, channels, side int }{
		{1, 1, 1, 1}, {6, 4, 3, 2}, {28, 42, 3, 14}, {15, 9, 2, 3}, {224, 224, 3, 14},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			image := fill(rand.New(rand.NewPCG(uint64(c.w), 4)), fenced[float32](t, c.w*c.h*c.channels))
			size := c.side * c.side * c.channels
			want := unfold(image, c.w, c.h, c.channels, c.side)
			for _, p := range ps {
				out := newGuarded(t, c.w*c.h/c.side/c.side, size, size+c.w%2, 1)
				p.run(&Unfold{W: c.w, H: c.h, Channels: c.channels, Side: c.side, Image: addr(image), Out: out.addr(), Step: out.step}, nil)
				same(t, out.read(t), want)
			}
		})
	}
}
