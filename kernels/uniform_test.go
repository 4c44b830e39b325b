//go:build cgo

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testrace"
)

// uniformColumns are numbers of columns around the edges of tiles.
var uniformColumns = []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 33, 64}

// TestUniformProductsEqualOneColumn compares columns of uniform products with the
// products of each column alone, bit for bit: joined norms, several matrices,
// epilogues, residuals and MLPs.
func TestUniformProductsEqualOneColumn(t *testing.T) {
	ps := pools(t)
	eachProductLevel(t, func(t *testing.T, level Level) {
		eachType(t, func(t *testing.T, typ gguf.Type) {
			for _, precise := range []bool{false, true} {
				if !own(level, typ) || precise && !rounds(level, typ) || !testrace.Chosen(int(level)+int(typ)) {
					continue
				}
				t.Run(fmt.Sprintf("precise=%t", precise), func(t *testing.T) { testUniform(t, ps, level, typ, precise) })
			}
		})
	})
}

func testUniform(t *testing.T, ps []*Pool, level Level, typ gguf.Type, precise bool) {
	const m, most = 70, 64
	k, hidden := 768, 1024+256 // chunks, the last one short
	switch {
	case !typ.Quantized():
		k, hidden = 203, 301
	case typ.BlockSize() == 32:
		k, hidden = k+32, hidden+96
	}
	r := rand.New(rand.NewPCG(10, uint64(typ)))
	x, residual := fill(r, fenced[float32](t, k*most)), fill(r, fenced[float32](t, m*most))
	for i := range k {
		x[7*k+i] *= 1e6 // a column that rounds the others away, if they share a scale
	}
	norm := &Norm{W: addr(fill(r, fenced[float32](t, k))), Eps: 1e-6}
	matrix := func(k, m int) Output {
		return Output{W: pack(t, typ, k, m, randomRows(t, r, typ, k, m)), Bias: addr(fill(r, fenced[float32](t, m)))}
	}
	three := []Output{matrix(k, m), matrix(k, 33), matrix(k, 5)}
	gate := []Output{matrix(k, hidden), matrix(k, hidden)}
	down := matrix(hidden, m)

	// run computes columns [from, from+n), and returns the results of three matrices,
	// of GeGLU and of an MLP, column after column.
	run := func(from, n int, uniform bool) []float32 {
		base := Linear{X: addr(x[from*k:]), N: n, Stride: k, Precise: precise, Uniform: uniform, Level: level, Threads: 3}
		var ys []*guardedRows
		result := func(out Output, m int) Output {
			y := newGuarded(t, n, m, m+n%3, n%4)
			ys = append(ys, y)
			out.Y, out.Stride = y.addr(), y.step
			return out
		}
		linear := base
		linear.Norm, linear.Residual, linear.ResidualStride = norm, addr(residual[from*m:]), m
		linear.Out = []Output{result(three[0], m), result(three[1], 33), result(three[2], 5)}
		compute(t, ps[n%3], &linear)
		geglu := base
		geglu.Epilogue, geglu.Out = GeGLU, []Output{result(gate[0], hidden), gate[1]}
		compute(t, ps[(n+1)%3], &geglu)
		mlp := MLP{Up: base, Down: base}
		mlp.Up.Norm, mlp.Up.Epilogue, mlp.Up.Out = norm, GeGLU, gate
		mlp.Down.X, mlp.Down.Residual, mlp.Down.ResidualStride = 0, addr(residual[from*m:]), m
		mlp.Down.Out = []Output{result(down, m)}
		compute(t, ps[(n+2)%3], &mlp)
		var all [][]float32
		for _, y := range ys {
			all = append(all, y.read(t))
		}
		var columns []float32
		for j := range n {
			for i, y := range ys {
				columns = append(columns, all[i][j*y.n:][:y.n]...)
			}
		}
		return columns
	}
	var want []float32
	for j := range most {
		want = append(want, run(j, 1, j%2 == 0)...)
	}
	size := len(want) / most
	for _, n := range uniformColumns {
		from := (most - n) / 2
		same(t, run(from, n, true), want[from*size:][:n*size])
	}
}
