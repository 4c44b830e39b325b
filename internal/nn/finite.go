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
// finite. x [d, rows] is a tensor of a store, f32 or f16, that no computation writes
// meanwhile.
func FiniteRows(x Tensor, first, n int) (bool, error) {
	if !x.Valid() || x.typ != gguf.F32 && x.typ != gguf.F16 || first < 0 || n < 0 || first+n > x.ne[1] {
		return false, fmt.Errorf("nn: rows %d to %d of %v: want rows of f32 or f16", first, first+n, x)
	}
	at, count := first*x.nb[1], n*x.ne[0]
	if x.typ == gguf.F16 {
		return finiteBits[uint16](x, at, count, 0x7c00)
	}
	return finiteBits[uint32](x, at, count, 0x7f800000)
}

// finiteBits reports whether none of the numbers of x from a byte on has all bits of
// the exponent set.
func finiteBits[T uint16 | uint32](x Tensor, at, n int, exponent T) (bool, error) {
	bits := make([]T, n)
	if err := bindings.Get(x.t, at, bits); err != nil {
		return false, fmt.Errorf("nn: rows of %v: %w", x, err)
	}
	return !slices.ContainsFunc(bits, func(v T) bool { return v&exponent == exponent }), nil
}
