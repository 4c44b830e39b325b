package nn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// ErrNotFinite is wrapped by errors about results that are NaN or infinite. Nothing
// that follows from them means anything.
var ErrNotFinite = errors.New("not all numbers are finite")

// Finite makes Compute fail with ErrNotFinite, and with what in the error, unless all
// elements of x are finite. x is f32 with contiguous rows. It is for numbers whose
// faults would not reach the result: rounding to integers and soft caps hide them.
func (g *Graph) Finite(what string, x Tensor) {
	const op = "finite"
	if g.checked[x.t] || !g.f32Rows(op, x) {
		return
	}
	sum := g.node(op, g.home.ctx.Sum(x.t), gguf.F32, [4]int{1, 1, 1, 1}) // [1]
	g.takes(x, 1)
	if len(g.checks) > 0 {
		sum = g.Concat(g.sums, sum, 0) // [checks]
	}
	if g.err != nil {
		return
	}
	g.Run(sum)
	if g.checked == nil {
		g.checked = map[bindings.Tensor]bool{}
	}
	g.checked[x.t], g.sums = true, sum
	g.checks = append(g.checks, g.prefix+what)
}

// keepSums keeps the results of Finite until they are read.
func (g *Graph) keepSums() {
	if g.sums.Valid() {
		keep(g.sums)
	}
}

// checkFinite names the first tensor of those given to Finite that has a fault.
func (g *Graph) checkFinite() error {
	sums := make([]float32, len(g.checks))
	if len(sums) == 0 {
		return nil
	}
	if err := bindings.Get(g.sums.t, 0, sums); err != nil {
		return fmt.Errorf("nn: sums of operands: %w", err)
	}
	for i, what := range g.checks {
		if !finite(sums[i]) {
			return fmt.Errorf("nn: compute: %s: %w", what, ErrNotFinite)
		}
	}
	return nil
}

// FiniteRows reports whether all numbers in n rows of x from a first one on are
// finite. x [d, rows] is a tensor, f32 or f16, of a store that NewStore made on the CPU;
// no computation writes it meanwhile.
func (s *Store) FiniteRows(x Tensor, first, n int) (bool, error) {
	data, ok := s.host[x.t]
	if !ok || x.typ != gguf.F32 && x.typ != gguf.F16 || first < 0 || n < 0 || first+n > x.ne[1] {
		return false, fmt.Errorf("nn: rows %d to %d of %v: want rows of f32 or f16 of this store, on the CPU", first, first+n, x)
	}
	return gguf.FirstNotFinite(data[first*x.nb[1]:(first+n)*x.nb[1]], x.typ) < 0, nil
}

// FirstNotFinite returns the index of the first of values that is NaN or infinite; -1
// if all are finite.
func FirstNotFinite(values []float32) int {
	return slices.IndexFunc(values, func(v float32) bool { return !finite(v) })
}
