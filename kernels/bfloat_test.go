//go:build cgo

package kernels

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// TestBFloatsRoundToEven multiplies activations by 1, so that the products are the
// activations as they are rounded: numbers in the middle of two bfloat16 and beside
// it, in all binades, and numbers too small and too large.
func TestBFloatsRoundToEven(t *testing.T) {
	ps := pools(t)
	const k, m, n = 45, 45, 37 // a short block, and tiles of two sizes
	rows := fenced[byte](t, gguf.BF16.RowBytes(k)*m)
	for i := range m {
		binary.LittleEndian.PutUint16(rows[i*gguf.BF16.RowBytes(k)+2*i:], 0x3f80)
	}
	r := rand.New(rand.NewPCG(11, 1))
	x := fenced[float32](t, k*n)
	for i := range x {
		middle := r.Uint32()&^0xffff | 0x8000
		x[i] = math.Float32frombits(middle + uint32(r.IntN(3)) - 1)
		if v := math.Abs(float64(x[i])); !(v < 3e38) {
			x[i] = 1 // an infinity, multiplied by 0, would be seen in other rows
		}
	}
	copy(x[3*k:], []float32{1 + 0x1p-8, 1 + 3*0x1p-8, -1 - 0x1p-8, 0x1.fep127, 0x1p-126, -0x1p-126, 0x1p-127, 1e-45, 0})
	eachProductLevel(t, func(t *testing.T, level Level) {
		if !level.BFloats() {
			t.Skip("multiplies in float32")
		}
		y := newGuarded(t, n, m, m+1, 1)
		op := Linear{X: addr(x), N: n, Stride: k, Level: level, Threads: 3,
			Out: []Output{{W: pack(t, gguf.BF16, k, m, rows), Y: y.addr(), Stride: y.step}}}
		compute(t, ps[1], &op)
		want := bfloats(x)
		for i, got := range y.read(t) {
			if float64(got) != want[i] {
				t.Fatalf("%x is rounded to %x, want %x", x[i], got, want[i])
			}
		}
	})
}

// TestBFloatProductsOfOddColumns has numbers of columns of weights around pairs and
// blocks of 32, and numbers of columns of x up to more than one tile.
func TestBFloatProductsOfOddColumns(t *testing.T) {
	ps := pools(t)
	eachProductLevel(t, func(t *testing.T, level Level) {
		for _, k := range []int{1, 2, 31, 32, 33, 63, 64, 511, 513, 588} {
			const m, most = 35, 70
			r := rand.New(rand.NewPCG(12, uint64(k)))
			rows := randomRows(t, r, gguf.BF16, k, m)
			w := pack(t, gguf.BF16, k, m, rows)
			x := fill(r, fenced[float32](t, k*most))
			for _, n := range []int{1, 2, 15, 16, 17, 31, 32, 33, 48, 65, 70} {
				want, size := define(level, gguf.BF16, false, m, n, n, rows, x[:k*n])
				y := newGuarded(t, n, m, m, 0)
				op := Linear{X: addr(x), N: n, Stride: k, Level: level, Threads: 3, Out: []Output{{W: w, Y: y.addr(), Stride: y.step}}}
				compute(t, ps[n%3], &op)
				within(t, y.read(t), want, size)
				if t.Failed() {
					t.Fatalf("k=%d n=%d", k, n)
				}
			}
		}
	})
}
