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

// Runs summarizes the products of the rows of w [k, m] with x [k], without
// keeping them. A softcap other than 0 is applied to the products first. The
// result, which only GetRuns reads, has a Run for every 64 rows. The backend must
// read the rows of w: see ReadsRows.
func (g *Graph) Runs(w, x Tensor, softcap float32) Tensor {
	const op = "runs"
	switch {
	case !g.begin(op, w, x):
		return Tensor{}
	case !g.backend.ReadsRows(w):
		return g.fail(op, "weights %v: kernels do not read their rows", w)
	case x.typ != gguf.F32 || !x.rowsContiguous() || x.Len() != w.ne[0] || !finite(softcap) || softcap < 0:
		return g.fail(op, "%v by %v, softcap %v: want one column of f32, as long as a row, and 0 or more", w, x, softcap)
	}
	return g.kernel(op, [4]int{kernels.RunFloats, runsOf(w), 1, 1}, func(dst Tensor) kernels.Op {
		rows := g.rows(w, x)
		rows.Stats, rows.Softcap = dst.address(), softcap
		return rows
	}, w, x) // [kernels.RunFloats, m/64 rounded up]
}

// runsOf returns the number of runs of the rows of w [k, m].
func runsOf(w Tensor) int { return (w.ne[1] + RunRows - 1) / RunRows }

// GetRuns copies x, the result of Runs, as the last Compute left it, into runs:
// one Run for every 64 rows. x must be an output of g.
func GetRuns(g *Graph, x Tensor, runs []Run) error {
	if x.ne[0] != kernels.RunFloats || x.ne[1] != len(runs) {
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

// RunProducts multiplies x [k] by the rows of w [k, m] of chosen runs. runs [n],
// an i32 input, has the numbers of the runs. The result is f32 [64, n]; places of
// rows beyond the last row of w hold no value. The backend must read the rows of
// w: see ReadsRows.
func (g *Graph) RunProducts(w, x, runs Tensor) Tensor {
	const op = "run products"
	switch {
	case !g.begin(op, w, x, runs):
		return Tensor{}
	case !g.backend.ReadsRows(w):
		return g.fail(op, "weights %v: kernels do not read their rows", w)
	case x.typ != gguf.F32 || !x.rowsContiguous() || x.Len() != w.ne[0]:
		return g.fail(op, "%v by %v: want one column of f32, as long as a row", w, x)
	case runs.typ != gguf.I32 || runs.Len() != runs.ne[0] || !runs.Contiguous():
		return g.fail(op, "runs %v, want i32 [n]", runs)
	case !g.indexes(op, runs, runsOf(w)):
		return Tensor{}
	}
	return g.kernel(op, [4]int{RunRows, runs.ne[0], 1, 1}, func(dst Tensor) kernels.Op {
		rows := g.rows(w, x)
		rows.Y, rows.Runs, rows.Picks = dst.address(), runs.address(), runs.ne[0]
		return rows
	}, w, x, runs) // [64, n]
}
