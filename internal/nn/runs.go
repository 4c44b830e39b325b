package nn

import (
	"fmt"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// RunRows is the number of rows in a run. Run i of a matrix is rows 64i to
// 64i+63; the last run may be shorter.
const RunRows = kernels.RunRows

// A Run holds the softmax statistics of the products of a run of rows with a
// column. Max is NaN if a product is not finite.
type Run = kernels.Run

// Runs summarizes the products of the rows of w [k, m] with each column of x [k, n],
// without keeping them. A softcap other than 0 is applied to the products first. The
// result, which only GetRuns reads, has a Run for every 64 rows, column after column.
// A column's result does not depend on the others. The backend must read the rows of
// w: see ReadsRows.
func (g *Graph) Runs(w, x Tensor, softcap float32) Tensor {
	const op = "runs"
	switch {
	case !g.begin(op, w, x) || !g.columnsOfRows(op, w, x):
		return lost
	case !finite(softcap) || softcap < 0:
		return g.fail(op, "softcap %v, want 0 or more", softcap)
	}
	return g.kernel(op, [4]int{kernels.RunFloats, runsOf(w), x.ne[1], 1}, func(dst Tensor) kernels.Op {
		rows := g.rows(w, x)
		rows.Stats, rows.Softcap = dst.address(), softcap
		return rows
	}, w, x) // [kernels.RunFloats, m/64 rounded up, n]
}

// columnsOfRows checks that kernels multiply the rows of w [k, m] by x [k, n].
func (g *Graph) columnsOfRows(op string, w, x Tensor) bool {
	switch {
	case !g.backend.ReadsRows(w):
		g.fail(op, "weights %v: kernels do not read their rows", w)
	case x.typ != gguf.F32 || !x.rowsContiguous() || x.ne[0] != w.ne[0] || x.ne[1] > maxRowColumns || x.ne[2]*x.ne[3] != 1:
		g.fail(op, "%v by %v: want up to %d columns of f32, as long as a row", w, x, maxRowColumns)
	default:
		return true
	}
	return false
}

// runsOf returns the number of runs of the rows of w [k, m].
func runsOf(w Tensor) int { return (w.ne[1] + RunRows - 1) / RunRows }

// GetRuns copies x, the result of Runs, as the last Compute left it, into runs:
// one Run for every 64 rows, column after column. x must be an output of g.
func GetRuns(g *Graph, x Tensor, runs []Run) error {
	if x.ne[0] != kernels.RunFloats || x.Len() != kernels.RunFloats*len(runs) {
		return fmt.Errorf("nn: get runs: %d of %v", len(runs), x)
	}
	values := make([]float32, x.Len())
	if err := Get(g, x, values); err != nil {
		return err
	}
	for i := range runs {
		runs[i] = kernels.RunOf(values[i*kernels.RunFloats:])
	}
	return nil
}

// RunProducts multiplies each column of x [k, n] by the rows of w [k, m] of chosen
// runs. runs [p, n], an i32 input, has the numbers of the runs of each column. The
// result is f32 [64, p, n]; places of rows beyond the last row of w hold no value. A
// column's result does not depend on the others. The backend must read the rows of
// w: see ReadsRows.
func (g *Graph) RunProducts(w, x, runs Tensor) Tensor {
	const op = "run products"
	switch {
	case !g.begin(op, w, x, runs) || !g.columnsOfRows(op, w, x):
		return lost
	case runs.typ != gguf.I32 || runs.ne[1] != x.ne[1] || runs.ne[2]*runs.ne[3] != 1 || !runs.Contiguous():
		return g.fail(op, "runs %v for %d columns, want i32 [p %d]", runs, x.ne[1], x.ne[1])
	case !g.indexes(op, runs, runsOf(w)):
		return lost
	}
	return g.kernel(op, [4]int{RunRows, runs.ne[0], runs.ne[1], 1}, func(dst Tensor) kernels.Op {
		rows := g.rows(w, x)
		rows.Y, rows.YStride, rows.Runs, rows.Picks = dst.address(), dst.nb[2]/4, runs.address(), runs.ne[0]
		return rows
	}, w, x, runs) // [64, p, n]
}
