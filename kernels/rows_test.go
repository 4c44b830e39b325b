//go:build cgo

package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testrace"
)

// rowTypes are the types whose rows are read in ggml's layout.
var rowTypes = []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q4_0, gguf.Q4_K, gguf.Q6_K}

func TestRowsSupported(t *testing.T) {
	for typ := range definitions {
		if got, want := RowsSupported(typ, 256), slices.Contains(rowTypes, typ); got != want {
			t.Errorf("rows of %v are read: %t, want %t", typ, got, want)
		}
	}
}

// TestRowsOfSpansAndRuns computes parts of a matrix, runs that are picked, and
// precise rows.
func TestRowsOfSpansAndRuns(t *testing.T) {
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		for _, typ := range rowTypes {
			if testrace.Chosen(int(level) + int(typ)) {
				t.Run(typ.String(), func(t *testing.T) { testRows(t, ps, level, typ) })
			}
		}
	})
}

func testRows(t *testing.T, ps []*Pool, level Level, typ gguf.Type) {
	for _, units := range []int{1, 2, 3, 7} {
		k := max(typ.BlockSize(), 32) * units
		if !typ.Quantized() {
			k = 61 * units
		}
		const m = 150
		r := rand.New(rand.NewPCG(6, uint64(k)))
		rows := randomRows(t, r, typ, k, m)
		x := fill(r, fenced[float32](t, k))
		in := acts(level, typ, false, 1, x)
		want, size := linear(m, 1, weights(typ, rows), in)
		for _, span := range [][2]int{{0, m}, {3, 4}, {10, 140}, {5, 5}} {
			first, last := span[0], span[1]
			y := fenced[float32](t, last-first)
			op := Rows{Type: typ, K: k, First: first, Last: last, Data: addr(rows), RowBytes: typ.RowBytes(k),
				X: addr(x), Y: addr(y), Threads: 3, Level: level}
			compute(t, ps[units%3], &op)
			within(t, y, want[first:last], size[first:last])
		}
		runs := fenced[int32](t, 3)
		copy(runs, []int32{2, 0, 2})
		picked := fenced[float32](t, 3*RunRows)
		compute(t, ps[units%3], &Rows{Type: typ, K: k, Last: m, Data: addr(rows), RowBytes: typ.RowBytes(k),
			X: addr(x), Y: addr(picked), Runs: addr(runs), Picks: 3, Threads: 3, Level: level})
		for i, run := range runs {
			first, last := int(run)*RunRows, min(int(run+1)*RunRows, m)
			within(t, picked[i*RunRows:][:last-first], want[first:last], size[first:last])
		}
		if typ.Quantized() {
			precise := fenced[float32](t, m)
			compute(t, ps[units%3], &Rows{Type: typ, K: k, Last: m, Data: addr(rows), RowBytes: typ.RowBytes(k),
				X: addr(x), Y: addr(precise), Precise: true, Threads: 3, Level: level})
			want, size := linear(m, 1, weights(typ, rows), acts(level, typ, true, 1, x))
			within(t, precise, want, size)
			whole, float := linear(m, 1, weights(typ, rows), exact(x))
			_, step := linear(m, 1, weights(typ, rows), tops(x))
			for i, w := range whole {
				if d := math.Abs(float64(precise[i]) - w); !(d <= step[i]/(2*32767)+float[i]*0x1p-20) {
					t.Fatalf("%d columns: precise row %d is %v, %.1e from the exact: more than half a step of 16 bits", k, i, precise[i], d)
				}
			}
		}
	}
}

// tops returns the greatest magnitude of each block of 32 values, 32 times.
func tops(x []float32) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		first := i / 32 * 32
		for _, v := range x[first:min(first+32, len(x))] {
			y[i] = max(y[i], math.Abs(float64(v)))
		}
	}
	return y
}

// TestRunStats compares the statistics of runs with the definition, for scores that
// TestRowsOfSpansAndRuns has compared.
func TestRunStats(t *testing.T) {
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		r := rand.New(rand.NewPCG(7, 0))
		const k, m = 64, 5*RunRows + 7
		rows, x := randomRows(t, r, gguf.Q8_0, k, m), fill(r, fenced[float32](t, k))
		for _, span := range [][2]int{{0, m}, {0, 1}, {3, 3 + RunRows}, {9, 9 + RunRows + 1}, {40, m - 1}, {5, 5}} {
			first, last := span[0], span[1]
			y := fenced[float32](t, last-first)
			op := Rows{Type: gguf.Q8_0, K: k, First: first, Last: last, Data: addr(rows), RowBytes: gguf.Q8_0.RowBytes(k), X: addr(x), Y: addr(y), Threads: 3, Level: level}
			compute(t, ps[0], &op)
			for _, softcap := range []float32{0, 0.25, 30} {
				runs := (last - first + RunRows - 1) / RunRows
				var all [][]float32
				for _, p := range ps {
					out := fenced[float32](t, runs*RunFloats)
					op.Y, op.Stats, op.Softcap = 0, addr(out), softcap
					compute(t, p, &op)
					for i := range runs {
						got, scores := RunOf(out[i*RunFloats:]), y[i*RunRows:min((i+1)*RunRows, len(y))]
						want := runStats(scores, float64(softcap))
						tolerance := 1e-6 + 1e-6*float64(softcap) // tanh is right to 5e-7 of it, and so are the exponents
						if near(got.Max, want.Max, 1e-6) && near(got.SumExp, want.SumExp, tolerance) && near(scores[got.Argmax], scores[want.Argmax], 1e-6) {
							continue
						}
						t.Fatalf("softcap %v, rows %v, run %d: %v, want %v", softcap, span, i, got, want)
					}
					all = append(all, out)
				}
				if !slices.Equal(all[0], all[1]) || !slices.Equal(all[0], all[2]) {
					t.Errorf("softcap %v, rows %v: results depend on the threads", softcap, span)
				}
			}
		}
	})
}

func near(a, b float32, relative float64) bool {
	return math.Abs(float64(a-b)) <= relative*math.Abs(float64(b))
}

// TestRunStatsFaults puts NaN and infinities at each place of a run.
func TestRunStatsFaults(t *testing.T) {
	ps := pools(t)
	eachLevel(t, func(t *testing.T, level Level) {
		for n := 1; n <= RunRows+1; n += 13 {
			for at := range n {
				for _, fault := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
					rows, x, out := fenced[float32](t, n), fenced[float32](t, 1), fenced[float32](t, (n+RunRows-1)/RunRows*RunFloats)
					rows[at], x[0] = fault, 1
					compute(t, ps[0], &Rows{Type: gguf.F32, K: 1, Last: n, Data: addr(rows), RowBytes: 4, X: addr(x), Stats: addr(out), Threads: 3, Level: level})
					if b := RunOf(out[at/RunRows*RunFloats:]); b.Max == b.Max {
						t.Fatalf("score %d of %d is %v: %v, want a top that is no number", at, n, fault, b)
					}
				}
			}
		}
	})
}
