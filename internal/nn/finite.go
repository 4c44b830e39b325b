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

// A finiteCheck is the sum of a tensor: NaN or infinite if one of its elements is.
type finiteCheck struct {
	what string
	sum  Tensor // [1]
}

// Finite makes Compute fail with ErrNotFinite, and with what in the error, unless all
// elements of x are finite. x is f32 with contiguous rows. It is for numbers whose
// faults would not reach the result: rounding to integers and soft caps hide them.
func (g *Graph) Finite(what string, x Tensor) {
	const op = "finite"
	if g.checked[x.t] || !g.f32Rows(op, x) {
		return
	}
	sum := g.node(op, g.home.ctx.Sum(x.t), gguf.F32, [4]int{1, 1, 1, 1}) // [1]
	keep(sum)
	g.Run(sum)
	if g.checked == nil {
		g.checked = map[bindings.Tensor]bool{}
	}
	g.checked[x.t] = true
	g.checks = append(g.checks, finiteCheck{g.prefix + what, sum})
}

// checkFinite names the first tensor of those given to Finite that has a fault.
func (g *Graph) checkFinite() error {
	for _, c := range g.checks {
		var sum [1]float32
		if err := bindings.Get(c.sum.t, 0, sum[:]); err != nil {
			return fmt.Errorf("nn: check of %s: %w", c.what, err)
		}
		if !finite(sum[0]) {
			return fmt.Errorf("nn: compute: %s: %w", c.what, ErrNotFinite)
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
