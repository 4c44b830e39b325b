package bindings

import "math/rand/v2"

// Distributions of operands that exercise an operation's special ranges.

// capped reaches well into the flat part of a softcap at 50.
func capped(r *rand.Rand) float64 { return 60 * r.NormFloat64() }

// shifted has a mean that is large against its variation.
func shifted(r *rand.Rand) float64 { return 3 + r.NormFloat64() }

// Methods of Context as operations of a case.

func single(f func(*Context, Tensor) Tensor) func(c *Context, x []Tensor) Tensor {
	return func(c *Context, x []Tensor) Tensor { return f(c, x[0]) }
}

func pair(f func(*Context, Tensor, Tensor) Tensor) func(c *Context, x []Tensor) Tensor {
	return func(c *Context, x []Tensor) Tensor { return f(c, x[0], x[1]) }
}
