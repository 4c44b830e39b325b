package nn

import (
	"slices"

	"github.com/pgcli/paligemma/kernels"
)

// Layers of both towers. Axis letters: d width, n tokens, e head dim.

// Linear is Wx + B.
type Linear struct {
	W Tensor // [in, out]
	B Tensor // [out]; may be the zero Tensor
}

// Linear reads name.weight [in, out] and, if bias is set, name.bias [out].
func (w Weights) Linear(name string, in, out int, bias bool) Linear {
	l := Linear{W: w.Get(name+".weight", in, out)}
	if bias {
		l.B = w.Get(name+".bias", out)
	}
	return l
}

// Forward maps x [in, n] to [out, n].
func (l Linear) Forward(g *Graph, x Tensor) Tensor {
	if l.W.packed != nil {
		return g.linear(kernels.Plain, x, l) // [out, n]
	}
	x = g.MulMat(l.W, x) // [out, n]
	if l.B.home != nil {
		x = g.Add(x, l.B)
	}
	return x
}

// GELU is GELU(Wx + B): x [in, n] to [out, n].
func (l Linear) GELU(g *Graph, x Tensor) Tensor {
	if l.W.packed != nil {
		return g.linear(kernels.GELU, x, l) // [out, n]
	}
	return g.GELU(l.Forward(g, x))
}

// GeGLU is GELU(gate x) * up x: x [in, n] to [out, n]. gate and up have weights
// of one shape. (arXiv:2002.05202)
func GeGLU(g *Graph, gate, up Linear, x Tensor) Tensor {
	if gate.W.packed != nil && up.W.packed != nil {
		return g.linear(kernels.GeGLU, x, gate, up) // [out, n]
	}
	return g.GeGLU(gate.Forward(g, x), up.Forward(g, x))
}

// Heads applies each layer to x [in, n] and cuts each result into heads of
// length e: for a layer, f32 [e, out/e, n] with contiguous rows.
func Heads(g *Graph, e int, x Tensor, layers ...Linear) []Tensor {
	heads := make([]Tensor, len(layers))
	if e < 1 {
		g.fail("heads", "heads are %d long, want 1 or more", e)
		e = 1
	}
	if !slices.ContainsFunc(layers, func(l Linear) bool { return l.W.packed == nil }) {
		y := g.linear(kernels.Plain, x, layers...) // [sum of out, n]
		y = g.Reshape(y, e, y.ne[0]/e, y.ne[1])    // [e, sum of out/e, n]
		first := 0
		for i, l := range layers {
			h := l.W.ne[1] / e
			heads[i] = g.View(y, []int{0, first, 0}, e, h, y.ne[2]) // [e, h, n]
			first += h
		}
		return heads
	}
	for i, l := range layers {
		y := l.Forward(g, x)                           // [out, n]
		heads[i] = g.Reshape(y, e, y.ne[0]/e, y.ne[1]) // [e, out/e, n]
	}
	return heads
}

// LayerNorm is (x - mean)/sqrt(variance + Eps)·W + B over each token.
// (arXiv:1607.06450)
type LayerNorm struct {
	W, B Tensor // [d]
	Eps  float32
}

// LayerNorm reads name.weight and name.bias, both [d].
func (w Weights) LayerNorm(name string, d int, eps float32) LayerNorm {
	return LayerNorm{W: w.Get(name+".weight", d), B: w.Get(name+".bias", d), Eps: eps}
}

// Forward maps x [d, n] to [d, n].
func (l LayerNorm) Forward(g *Graph, x Tensor) Tensor {
	if g.backend.pool != nil {
		return g.kernelNorm(x, l.W, l.B, l.Eps, true)
	}
	return g.Add(g.Mul(g.Norm(x, l.Eps), l.W), l.B)
}

// RMSNorm is x/sqrt(mean(x²) + Eps)·W over each token. (arXiv:1910.07467)
// Gemma's checkpoints store w, where W = 1 + w; GGUF files store W.
type RMSNorm struct {
	W   Tensor // [d]
	Eps float32
}

// RMSNorm reads name.weight [d].
func (w Weights) RMSNorm(name string, d int, eps float32) RMSNorm {
	return RMSNorm{W: w.Get(name+".weight", d), Eps: eps}
}

// Forward maps x [d, n] to [d, n].
func (l RMSNorm) Forward(g *Graph, x Tensor) Tensor {
	if g.backend.pool != nil {
		return g.kernelNorm(x, l.W, Tensor{}, l.Eps, false)
	}
	return g.Mul(g.RMSNorm(x, l.Eps), l.W)
}
