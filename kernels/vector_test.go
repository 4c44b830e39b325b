//go:build cgo

package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/pgcli/paligemma/gguf"
)

// eachLevel runs f for each supported level, but those that differ from another in
// products of bfloat16 only.
func eachLevel(t *testing.T, f func(t *testing.T, level Level)) {
	eachProductLevel(t, func(t *testing.T, level Level) {
		if own(level, gguf.F32) {
			f(t, level)
		}
	})
}

// eachProductLevel runs f for each supported level.
func eachProductLevel(t *testing.T, f func(t *testing.T, level Level)) {
	levels := Levels()
	if len(levels) == 0 {
		t.Skip(ErrNone)
	}
	for _, level := range levels {
		t.Run(level.String(), func(t *testing.T) { f(t, level) })
	}
}

// pools starts pools of 1 to 3 threads.
func pools(t *testing.T) []*Pool {
	var all []*Pool
	for threads := 1; threads <= 3; threads++ {
		p, err := NewPool(threads)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		all = append(all, p)
	}
	return all
}

func addr[T any](s []T) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(s))) }

// fill sets x to normal numbers.
func fill(r *rand.Rand, x []float32) []float32 {
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// guardedRows is memory for a result of rows rows of n numbers, step apart, from
// element offset on. It checks that only these elements were written.
type guardedRows struct {
	all                   []float32
	offset, rows, n, step int
}

const guard = 0x7fc0dead // bits of a NaN that no kernel makes

func newGuarded(t testing.TB, rows, n, step, offset int) *guardedRows {
	g := &guardedRows{fenced[float32](t, offset+(rows-1)*step+n), offset, rows, n, step}
	for i := range g.all {
		g.all[i] = math.Float32frombits(guard)
	}
	return g
}

func (g *guardedRows) addr() uintptr { return addr(g.all[g.offset:]) }

// read returns the rows, side by side.
func (g *guardedRows) read(t testing.TB) []float32 {
	t.Helper()
	inside := make([]bool, len(g.all))
	var rows []float32
	for r := range g.rows {
		at := g.offset + r*g.step
		rows = append(rows, g.all[at:at+g.n]...)
		for i := range g.n {
			inside[at+i] = true
		}
	}
	for i, x := range g.all {
		if touched := math.Float32bits(x) != guard; touched != inside[i] {
			t.Fatalf("element %d of rows of %d every %d from %d on: written %t, want %t", i, g.n, g.step, g.offset, touched, inside[i])
		}
	}
	return rows
}

// closeTo fails unless the error of got is within tol of want, both as root mean
// squares, and the error of each value within 10 times tol. Where want is NaN or
// infinite, got must be the same.
func closeTo(t testing.TB, got []float32, want []float64, tol float64) {
	t.Helper()
	size, off, worst := 0.0, 0.0, -1
	err := func(i int) float64 { return math.Abs(float64(got[i]) - want[i]) }
	for i, w := range want {
		g := float64(got[i])
		if math.IsNaN(w) || math.IsInf(w, 0) {
			if g != w && !(math.IsNaN(w) && math.IsNaN(g)) {
				t.Fatalf("value %d is %v, want %v", i, g, w)
			}
			continue
		}
		size += w * w
		off += err(i) * err(i)
		if worst < 0 || !(err(i) <= err(worst)) {
			worst = i
		}
	}
	size, off = math.Sqrt(size/float64(len(want))), math.Sqrt(off/float64(len(want)))
	if worst >= 0 && (!(off <= tol*size) || !(err(worst) <= 10*tol*size)) {
		t.Fatalf("error %.2g of values of %.2g, allowed %.1g; value %d is %v, want %v", off, size, tol*size, worst, got[worst], want[worst])
	}
}

// same fails unless a and b are equal to the last bit.
func same(t testing.TB, a, b []float32) {
	t.Helper()
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			t.Fatalf("value %d is %v, and %v in another call", i, a[i], b[i])
		}
	}
}

// toHalf rounds x towards zero to float16 and returns the bits. Values must lie
// within ±65504; those below float16's normal numbers become 0.
func toHalf(t testing.TB, x []float32) []uint16 {
	h := fenced[uint16](t, len(x))
	for i, f := range x {
		bits := math.Float32bits(f)
		sign, e, m := uint16(bits>>16&0x8000), int(bits>>23&0xff)-112, bits>>13&0x3ff
		switch {
		case bits<<1 == 0:
			h[i] = sign
		case e < 1:
			h[i] = sign
		default:
			h[i] = sign | uint16(e)<<10 | uint16(m) // towards zero
		}
	}
	return h
}

// fromHalf returns the value of a normal float16 or zero.
func fromHalf(h uint16) float32 {
	if h<<1 == 0 {
		return 0
	}
	return math.Float32frombits(uint32(h&0x8000)<<16 | (uint32(h>>10&31)+112)<<23 | uint32(h&0x3ff)<<13)
}
