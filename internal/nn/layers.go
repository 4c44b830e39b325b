package nn

// The layers that both towers are made of. Axis letters: d width, n tokens.

// Linear is Wx + B.
type Linear struct{ W, B Tensor }

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
	x = g.MulMat(l.W, x)
	if l.B.home != nil {
		x = g.Add(x, l.B)
	}
	return x
}

// LayerNorm is (x - mean)/sqrt(variance + Eps)·W + B over each token.
// (arXiv:1607.06450)
type LayerNorm struct {
	W, B Tensor
	Eps  float32
}

// LayerNorm reads name.weight and name.bias, both [d].
func (w Weights) LayerNorm(name string, d int, eps float32) LayerNorm {
	return LayerNorm{W: w.Get(name+".weight", d), B: w.Get(name+".bias", d), Eps: eps}
}

// Forward maps x [d, n] to [d, n].
func (l LayerNorm) Forward(g *Graph, x Tensor) Tensor {
	return g.Add(g.Mul(g.Norm(x, l.Eps), l.W), l.B)
}

// RMSNorm is x/sqrt(mean(x²) + Eps)·W over each token. (arXiv:1910.07467)
// Gemma's checkpoints store w of W = 1 + w; GGUF files store W.
type RMSNorm struct {
	W   Tensor
	Eps float32
}

// RMSNorm reads name.weight [d].
func (w Weights) RMSNorm(name string, d int, eps float32) RMSNorm {
	return RMSNorm{W: w.Get(name+".weight", d), Eps: eps}
}

// Forward maps x [d, n] to [d, n].
func (l RMSNorm) Forward(g *Graph, x Tensor) Tensor { return g.Mul(g.RMSNorm(x, l.Eps), l.W) }
