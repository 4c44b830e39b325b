//go:build cgo

package kernels

import (
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// TestRowsOfColumnsEqualOneColumn compares products, statistics and picks of
// several columns with the same of each column alone, bit for bit.
func TestRowsOfColumnsEqualOneColumn(t *testing.T) {
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		for _, typ := range rowTypes {
			t.Run(typ.String(), func(t *testing.T) {
				testRowColumns(t, ps, level, typ, false)
				if typ.Quantized() {
					testRowColumns(t, ps, level, typ, true)
				}
			})
		}
	})
}

func testRowColumns(t *testing.T, ps []*Pool, level Level, typ gguf.Type, precise bool) {
	const m, most, picks = 2*RunRows + 9, 64, 3
	k := 32 * 19 // two units of blocks, and a rest
	switch {
	case !typ.Quantized():
		k = 203
	case typ.BlockSize() == 256:
		k = 3 * 256
	}
	r := rand.New(rand.NewPCG(11, uint64(typ)))
	rows, x := randomRows(t, r, typ, k, m), fill(r, fenced[float32](t, (k+3)*most))
	numbers := fenced[int32](t, picks*most)
	for i := range numbers {
		numbers[i] = int32(r.IntN(3))
	}
	// run computes columns [from, from+n): products of a span of rows, statistics, picks.
	run := func(from, n int) (y, stats, picked []float32) {
		op := Rows{Type: typ, K: k, First: 3, Last: m, Data: addr(rows), RowBytes: typ.RowBytes(k), Threads: 3, Level: level, Precise: precise,
			N: n, X: addr(x[from*(k+3):]), XStride: k + 3}
		out := newGuarded(t, n, m-3, m-3+n%2, 1)
		op.Y, op.YStride = out.addr(), out.step
		compute(t, ps[n%3], &op)
		runs := (m - 3 + RunRows - 1) / RunRows
		stats = fenced[float32](t, n*runs*RunFloats)
		op.Y, op.Stats, op.Softcap = 0, addr(stats), 30
		compute(t, ps[(n+1)%3], &op)
		picked = fenced[float32](t, n*picks*RunRows)
		op.Y, op.YStride, op.Stats, op.First = addr(picked), picks*RunRows, 0, 0
		op.Runs, op.Picks = addr(numbers[from*picks:]), picks
		compute(t, ps[(n+2)%3], &op)
		return out.read(t), stats, picked
	}
	var want [3][]float32
	for j := range most {
		y, stats, picked := run(j, 1)
		want[0], want[1], want[2] = append(want[0], y...), append(want[1], stats...), append(want[2], picked...)
	}
	for _, n := range uniformColumns {
		from := (most - n) / 2
		y, stats, picked := run(from, n)
		for i, got := range [][]float32{y, stats, picked} {
			size := len(want[i]) / most
			same(t, got, want[i][from*size:][:n*size])
		}
	}
}
