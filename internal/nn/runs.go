package nn

import (
	"fmt"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// RunRows is the number of rows in a run: rows 64i to 64i+63 of a matrix, fewer
// in the last run.
const RunRows = kernels.RunRows

// A Run holds the softmax statistics of the products of RunRows rows with a
// column. If not all of these products are finite, Max is not a number.
type Run struct {
	Max    float32 // greatest product
	Argmax int     // its row, counted from the run's first; the first of equals
	SumExp float32 // sum of exp(product - Max)
}

// Runs sums up the products of the rows of w [k, m] with x [k], after a softcap
// that is 0 for none, without keeping them: the result, for GetRuns alone, has a
// Run for every 64 rows. The backend must read the rows of w: see ReadsRows.
func (g *Graph) Runs(w, x Tensor, softcap float32) Tensor {
	const name = "runs"
	switch {
	case !g.begin(name, w, x):
		return Tensor{}
	case !g.backend.ReadsRows(w):
		return g.fail(name, "weights %v: kernels do not read their rows", w)
	case x.typ != gguf.F32 || !x.rowsContiguous() || x.Len() != w.ne[0] || !finite(softcap) || softcap < 0:
		return g.fail(name, "%v by %v, softcap %v: want one column of f32, as long as a row, and 0 or more", w, x, softcap)
	}
	return g.kernel(name, [4]int{kernels.BestFloats, runsOf(w), 1, 1}, func(dst Tensor) kernels.Op {
		op := g.rows(w, x)
		op.Best, op.Softcap = dst.address(), softcap
		return op
	}, w, x) // [kernels.BestFloats, m/64 rounded up]
}

// runsOf returns the number of runs of the rows of w [k, m].
func runsOf(w Tensor) int { return (w.ne[1] + RunRows - 1) / RunRows }

// GetRuns copies the result of Runs, as the last Compute left it, into runs,
// one for each 64 rows.
func GetRuns(g *Graph, x Tensor, runs []Run) error {
	if x.ne[0] != kernels.BestFloats || x.ne[1] != len(runs) {
		return fmt.Errorf("nn: get runs: %d of %v", len(runs), x)
	}
	values := make([]float32, x.Len())
	if err := Get(g, x, values); err != nil {
		return err
	}
	for i := range runs {
		b := kernels.BestOf(values[i*kernels.BestFloats:])
		runs[i] = Run{Max: b.Top, Argmax: int(b.Row), SumExp: b.Sum}
	}
	return nil
}

// RunProducts multiplies x [k] by the rows of w [k, m] that are in some runs,
// whose numbers are in runs [n], an i32 input: the result is f32 [64, n], in
// which rows beyond the last of w have no values. The backend must read the
// rows of w: see ReadsRows.
func (g *Graph) RunProducts(w, x, runs Tensor) Tensor {
	const name = "run products"
	switch {
	case !g.begin(name, w, x, runs):
		return Tensor{}
	case !g.backend.ReadsRows(w):
		return g.fail(name, "weights %v: kernels do not read their rows", w)
	case x.typ != gguf.F32 || !x.rowsContiguous() || x.Len() != w.ne[0]:
		return g.fail(name, "%v by %v: want one column of f32, as long as a row", w, x)
	case runs.typ != gguf.I32 || runs.Len() != runs.ne[0] || !runs.Contiguous():
		return g.fail(name, "runs %v, want i32 [n]", runs)
	case !g.index(name, runs, runsOf(w)):
		return Tensor{}
	}
	return g.kernel(name, [4]int{RunRows, runs.ne[0], 1, 1}, func(dst Tensor) kernels.Op {
		op := g.rows(w, x)
		op.Y, op.Runs, op.Picks = dst.address(), runs.address(), runs.ne[0]
		return op
	}, w, x, runs) // [64, n]
}
