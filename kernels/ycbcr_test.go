//go:build cgo

package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func randomBytes(t *testing.T, r *rand.Rand, n int) []uint8 {
	b := fenced[uint8](t, n)
	for i := range b {
		b[i] = uint8(r.Uint32())
	}
	return b
}

// TestRGBAtVectorEdges converts all colours of some lumas, and lines of all
// lengths up to some rounds of the widest vectors.
func TestRGBAtVectorEdges(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		r := rand.New(rand.NewPCG(1, 7))
		check := func(y, cb, cr []uint8) {
			t.Helper()
			n := len(y)
			got, want := fenced[uint8](t, 3*n+1)[1:], make([]uint8, 3*n)
			if !nativeRGB(got, y, cb, cr, level) {
				t.Fatal("no kernel")
			}
			if toRGB(want, y, cb, cr); !slices.Equal(got, want) {
				t.Fatalf("%d pixels differ", n)
			}
		}
		for n := range 200 {
			check(randomBytes(t, r, n), randomBytes(t, r, n), randomBytes(t, r, n))
		}
		y, cb, cr := make([]uint8, 1<<16), make([]uint8, 1<<16), make([]uint8, 1<<16)
		for _, luma := range []uint8{0, 1, 77, 128, 254, 255} {
			for i := range y {
				y[i], cb[i], cr[i] = luma, uint8(i), uint8(i>>8)
			}
			check(y, cb, cr)
		}
	})
}

// TestUpsampleAtVectorEdges spreads lines of all lengths up to some rounds of the
// widest vectors.
func TestUpsampleAtVectorEdges(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		r := rand.New(rand.NewPCG(1, 8))
		for n := 2; n < 200; n++ {
			near, far := randomBytes(t, r, n), randomBytes(t, r, n)
			if n%2 == 0 {
				near[n/2], far[n/2], near[n/2-1], far[n/2-1] = 255, 255, 255, 255
			}
			got, want := fenced[uint8](t, 2*n), make([]uint8, 2*n)
			if !nativeUpsample(got, near, far, level) {
				t.Fatal("no kernel")
			}
			if upsample(want, near, far); !slices.Equal(got, want) {
				t.Fatalf("%d cells: got %v, want %v", n, got, want)
			}
		}
	})
}
