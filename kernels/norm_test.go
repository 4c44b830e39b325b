//go:build cgo

package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestNormAtVectorEdges goes over all sizes up to two rounds of the widest
// vectors, and those of the models, with and without each operand.
func TestNormAtVectorEdges(t *testing.T) {
	sizes := []int{1152, 2048, 2304, 3584}
	for d := 1; d <= 130; d++ {
		sizes = append(sizes, d)
	}
	eachLevel(t, func(t *testing.T, level Level) {
		ps := pools(t)
		for i, d := range sizes {
			for form := range 16 {
				if d > 40 && form%7 != i%7 {
					continue
				}
				t.Run(fmt.Sprintf("d=%d,form=%04b", d, form), func(t *testing.T) { testNorm(t, ps, level, d, 1+(d+form)%9, form) })
			}
		}
	})
}

// testNorm checks a Norm with the operands in form's bits.
func testNorm(t *testing.T, ps []*Pool, level Level, d, n, form int) {
	r := rand.New(rand.NewPCG(uint64(d), uint64(form)))
	step := d + form%3
	some := func(bit, size int) []float32 {
		if form>>bit&1 == 0 {
			return nil
		}
		return fill(r, fenced[float32](t, size))
	}
	x := fill(r, fenced[float32](t, n*step))
	w, b, residual := some(0, d), some(1, d), some(2, n*step)
	column := func(x []float32, i int) []float32 {
		if x == nil {
			return nil
		}
		return x[i*step:][:d]
	}
	op := Norm{Size: d, Columns: n, X: addr(x), XStep: step, W: addr(w), B: addr(b),
		Residual: addr(residual), ResidualStep: step, OutStep: step, Centered: form>>3 == 1, Eps: 1e-6, Level: level}
	for i := range x {
		if op.Centered {
			x[i] += 3
		}
	}
	var want []float64
	for i := range n {
		want = append(want, norm(column(x, i), w, b, column(residual, i), op.Centered, float64(op.Eps))...)
	}
	var one []float32
	for _, p := range ps {
		out := newGuarded(t, n, d, step, form%3)
		op.Out = out.addr()
		p.run(&op, nil)
		got := out.read(t)
		if one == nil {
			one = got
			// A column of one, or nearly equal, centered values is rounding alone.
			if !op.Centered || d > 4 {
				closeTo(t, got, want, 1e-6)
			}
		}
		same(t, one, got)
	}
}

// TestNormInPlace writes to the memory of x, and to that of the residual.
func TestNormInPlace(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		ps := pools(t)
		const d, n = 75, 5
		r := rand.New(rand.NewPCG(1, 2))
		x, residual := fill(r, fenced[float32](t, d*n)), fill(r, fenced[float32](t, d*n))
		var want []float64
		for i := range n {
			want = append(want, norm(x[i*d:][:d], nil, nil, residual[i*d:][:d], false, 0)...)
		}
		op := Norm{Size: d, Columns: n, X: addr(x), XStep: d, Residual: addr(residual), ResidualStep: d, Out: addr(residual), OutStep: d, Level: level}
		ps[2].run(&op, nil)
		closeTo(t, residual, want, 1e-6)

		want = nil
		for i := range n {
			want = append(want, norm(x[i*d:][:d], nil, nil, nil, false, 0)...)
		}
		op = Norm{Size: d, Columns: n, X: addr(x), XStep: d, Out: addr(x), OutStep: d, Level: level}
		ps[1].run(&op, nil)
		closeTo(t, x, want, 1e-6)
	})
}

// TestNormOfExtremeValues has zeros, large and small numbers, infinities and NaN.
func TestNormOfExtremeValues(t *testing.T) {
	const d = 100
	for _, c := range []struct {
		name     string
		centered bool
		eps      float32
		value    func(i int) float32
	}{
		{"zeros", false, 1e-6, func(int) float32 { return 0 }},
		{"zeros", true, 1e-6, func(int) float32 { return 0 }},
		{"large", false, 1e-6, func(i int) float32 { return float32(i-40) * 1e16 }},
		{"small beside epsilon", false, 1e-6, func(i int) float32 { return float32(i-40) * 1e-9 }},
		{"one large", true, 1e-6, func(i int) float32 { return float32(i/99) * 1e6 }},
		{"far from 0", true, 1e-6, func(i int) float32 { return float32(i%2) + 1000 }},
		{"NaN", false, 1e-6, func(i int) float32 { return float32(math.Sqrt(float64(i - 1))) }},
		{"NaN", true, 1e-6, func(i int) float32 { return float32(math.Sqrt(float64(i - 1))) }},
	} {
		eachLevel(t, func(t *testing.T, level Level) {
			t.Run(fmt.Sprintf("%s,centered=%t", c.name, c.centered), func(t *testing.T) {
				x, out := fenced[float32](t, d), fenced[float32](t, d)
				for i := range x {
					x[i] = c.value(i)
				}
				op := Norm{Size: d, Columns: 1, X: addr(x), Centered: c.centered, Eps: c.eps, Out: addr(out), Level: level}
				pools(t)[0].run(&op, nil)
				want := norm(x, nil, nil, nil, c.centered, float64(c.eps))
				closeTo(t, out, want, 1e-6)
			})
		})
	}
}
