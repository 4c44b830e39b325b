//go:build cgo

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestRoPEAtVectorEdges turns heads of all even sizes up to two rounds of the
// widest vectors, and those of the models, at positions up to the limit, into a
// new place and in place.
func TestRoPEAtVectorEdges(t *testing.T) {
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
		OutHead: e, OutToken: step, Level: level}
	var want []float64
	for i, p := range positions {
		for h := range heads {
			want = append(want, rope(x[i*step+h*e:][:e], p, op.Base)...)
		}
	}
	var one []float32
	for _, p := range ps {
		out := newGuarded(t, n, heads*e, step, e%2)
		op.Out = out.addr()
		p.run(&op, nil)
		got := out.read(t)
		if one == nil {
			one = got
			closeTo(t, got, want, 2e-7)
		}
		same(t, one, got)
	}
	op.Out = op.X // in place
	ps[0].run(&op, nil)
	for i := range n {
		same(t, one[i*heads*e:][:heads*e], x[i*step:][:heads*e])
	}
}
