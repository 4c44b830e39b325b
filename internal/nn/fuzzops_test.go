package nn

import (
	"math"

	"github.com/pgcli/paligemma/gguf"
)

func isF32(x Tensor) bool    { return x.typ == gguf.F32 }
func isMatrix(x Tensor) bool { return isF32(x) && x.ne[2] == 1 && x.ne[3] == 1 }
func isFloat(x Tensor) bool  { return floats(x.typ) }

// pointwiseOp is a fuzzed operation on each element, elementwise on two.
func pointwiseOp(op func(*Graph, Tensor) Tensor, f func(float64) float64) func(p *pool) entry {
	return func(p *pool) entry {
		a := p.pick(isF32)
		return p.result(op(p.Graph, a.Tensor), func() array { return a.known.each(f) }, a)
	}
}

func elementwise(op func(g *Graph, a, b Tensor) Tensor, f func(a, b float64) float64) func(p *pool) entry {
	return func(p *pool) entry {
		a := p.pick(isF32)
		b := p.pick(func(x Tensor) bool {
			return isF32(x) && a.ne[0]%x.ne[0]+a.ne[1]%x.ne[1]+a.ne[2]%x.ne[2]+a.ne[3]%x.ne[3] == 0
		})
		return p.result(op(p.Graph, a.Tensor, b.Tensor), func() array { return pairs(f)([]array{*a.known, *b.known}) }, a, b)
	}
}

func rowwise(op func(*Graph, Tensor) Tensor, f func([]float64) []float64) func(p *pool) entry {
	return func(p *pool) entry {
		a := p.pick(isF32)
		return p.result(op(p.Graph, a.Tensor), func() array { return a.known.rows(f) }, a)
	}
}

// fuzzOps are the operations that TestRandomGraphs draws from.
var fuzzOps = map[string]func(p *pool) entry{
	"add": elementwise((*Graph).Add, func(a, b float64) float64 { return a + b }),
	"sub": elementwise((*Graph).Sub, func(a, b float64) float64 { return a - b }),
	"mul": elementwise((*Graph).Mul, func(a, b float64) float64 { return a * b }),
	"div": elementwise((*Graph).Div, func(a, b float64) float64 {
		if math.Abs(b) < 0.2 {
			return math.NaN() // not compared
		}
		return a / b
	}),
	"geglu": elementwise((*Graph).GeGLU, func(a, b float64) float64 { return gelu(a) * b }),
	"gelu":  pointwiseOp((*Graph).GELU, gelu),
	"silu":  pointwiseOp((*Graph).SiLU, func(a float64) float64 { return a / (1 + math.Exp(-a)) }),
	"tanh":  pointwiseOp((*Graph).Tanh, math.Tanh),
	"exp":   pointwiseOp((*Graph).Exp, math.Exp),
	"sqr":   pointwiseOp((*Graph).Sqr, func(a float64) float64 { return a * a }),
	"scale": pointwiseOp(func(g *Graph, a Tensor) Tensor { return g.Affine(a, -0.5, 0.25) },
		func(a float64) float64 { return -0.5*a + 0.25 }),
	"softcap": pointwiseOp(func(g *Graph, a Tensor) Tensor { return g.Softcap(a, 2) }, func(a float64) float64 { return 2 * math.Tanh(a/2) }),
	"norm": rowwise(func(g *Graph, a Tensor) Tensor { return g.Norm(a, 0.1) },
		func(r []float64) []float64 { return standard(r, 0.1) }),
	"rms_norm": rowwise(func(g *Graph, a Tensor) Tensor { return g.RMSNorm(a, 0.1) },
		func(r []float64) []float64 { return meanSquare(r, 0.1) }),
	"sum_rows": rowwise((*Graph).SumRows, total),
	"mean":     rowwise((*Graph).Mean, func(r []float64) []float64 { return []float64{sum(r) / float64(len(r))} }),
	"soft_max": rowwise(func(g *Graph, a Tensor) Tensor { return g.SoftMax(a, Tensor{}, 1) }, softmax),
	"argmax":   func(p *pool) entry { return p.result(p.Argmax(p.pick(isMatrix).Tensor), nil) },
	"argsort":  func(p *pool) entry { return p.result(p.Argsort(p.pick(isF32).Tensor, p.IntN(2) == 0), nil) },
	"masked": func(p *pool) entry {
		a := p.pick(isF32)
		m := p.pick(func(x Tensor) bool {
			return isFloat(x) && x.ne[0] == a.ne[0] && x.ne[1] == a.ne[1] && a.ne[2]%x.ne[2] == 0 && a.ne[3]%x.ne[3] == 0
		})
		return p.result(p.SoftMax(a.Tensor, m.Tensor, 0.5), func() array {
			return pairs(func(a, m float64) float64 { return 0.5*a + m })([]array{*a.known, *m.known}).rows(softmax)
		}, a, m)
	},

	"reshape": func(p *pool) entry {
		a := p.any()
		shape := []int{a.ne[0], a.ne[1] * a.ne[2], a.ne[3]}
		switch p.IntN(3) {
		case 0:
			shape = []int{a.Len()}
		case 1:
			shape = []int{a.ne[0] * a.ne[1], 1, a.ne[3], a.ne[2]}
		}
		y := p.Reshape(a.Tensor, shape...)
		return p.alias(y, a, func() array { return array{y.ne, a.known.v} })
	},
	"view": func(p *pool) entry {
		a := p.any()
		var at, shape [4]int
		for i, n := range a.ne {
			shape[i] = 1 + p.IntN(n+p.IntN(8)/7) // one in eight too long
			at[i] = p.IntN(max(1, n-shape[i]+1))
		}
		if block := a.typ.BlockSize(); block > 1 {
			shape[0], at[0] = a.ne[0]/block*block, at[0]/block*block
		}
		axes := 1 + p.IntN(4)
		y := p.View(a.Tensor, at[:axes], shape[:axes]...)
		return p.alias(y, a, func() array {
			return fill(y.ne, func(i, j, k, l int) float64 {
				at := at
				for i := axes; i < 4; i++ {
					at[i] = 0
				}
				return a.known.at(i+at[0], j+at[1], k+at[2], l+at[3])
			})
		})
	},
	"permute": func(p *pool) entry {
		a, axes := p.any(), p.Perm(4)
		if p.IntN(2) == 0 {
			axes = []int{0, 2, 1, 3}
		}
		y := p.Permute(a.Tensor, axes...)
		return p.alias(y, a, func() array {
			return fill(y.ne, func(i, j, k, l int) float64 {
				to := [4]int{i, j, k, l}
				return a.known.at(to[axes[0]], to[axes[1]], to[axes[2]], to[axes[3]])
			})
		})
	},
	"cont": func(p *pool) entry {
		a := p.any()
		return p.result(p.Cont(a.Tensor), func() array { return *a.known }, a)
	},
	"cast": func(p *pool) entry {
		a := p.any()
		to := []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0}[min(p.IntN(8), 3)]
		if a.typ.Quantized() {
			to = gguf.F32
		}
		return p.result(p.Cast(a.Tensor, to), func() array { return *a.known }, a)
	},
	"copy": func(p *pool) entry {
		a := p.pick(isFloat)
		b := p.pick(func(x Tensor) bool { return isFloat(x) && x.ne == a.ne })
		if a.root == b.root {
			return entry{} // undefined in ggml, as memmove is not what it does
		}
		y := p.Copy(a.Tensor, b.Tensor)
		if y.home == nil {
			return entry{}
		}
		p.forget(b)
		return entry{Tensor: y, root: b.root, known: a.known}
	},
	"concat": func(p *pool) entry {
		dim := p.IntN(4)
		a := p.any()
		b := p.pick(func(x Tensor) bool {
			x.ne[dim] = a.ne[dim]
			return x.ne == a.ne && x.typ == a.typ
		})
		return p.result(p.Concat(a.Tensor, b.Tensor, dim), func() array { return joined(dim)([]array{*a.known, *b.known}) }, a, b)
	},
	"repeat": func(p *pool) entry {
		a := p.any()
		shape := []int{a.ne[0] * (1 + p.IntN(2)), a.ne[1] * (1 + p.IntN(3)), a.ne[2], a.ne[3] * (1 + p.IntN(2))}
		y := p.Repeat(a.Tensor, shape...)
		return p.result(y, func() array { return fill(y.ne, a.known.at) }, a)
	},
	"pad": func(p *pool) entry {
		a := p.any()
		y := p.Pad(a.Tensor, p.IntN(3), p.IntN(2), p.IntN(2), p.IntN(2))
		return p.result(y, func() array {
			return fill(y.ne, func(i, j, k, l int) float64 {
				if i < a.ne[0] && j < a.ne[1] && k < a.ne[2] && l < a.ne[3] {
					return a.known.at(i, j, k, l)
				}
				return 0
			})
		}, a)
	},
	"get_rows": func(p *pool) entry {
		a := p.pick(func(x Tensor) bool { return x.ne[2] == 1 && x.ne[3] == 1 })
		rows := p.pick(func(x Tensor) bool { return x.typ == gguf.I32 && x.ne[1] == 1 })
		return p.result(p.GetRows(a.Tensor, rows.Tensor), nil)
	},
	"set_rows": func(p *pool) entry {
		a := p.pick(func(x Tensor) bool { return isFloat(x) && x.ne[2] == 1 && x.ne[3] == 1 })
		b := p.pick(func(x Tensor) bool { return isMatrix(x) && x.ne[0] == a.ne[0] })
		rows := p.pick(func(x Tensor) bool { return x.typ == gguf.I64 && x.ne[0] == b.ne[1] })
		y := p.SetRows(a.Tensor, b.Tensor, rows.Tensor)
		if y.home != nil {
			p.forget(a)
		}
		return entry{Tensor: y, root: a.root}
	},
	"patches": func(p *pool) entry {
		image, side := p.pick(isF32), 1+p.IntN(2)
		y := p.Patches(image.Tensor, side)
		return p.result(y, func() array { return patches(*image.known, side) }, image)
	},
	"custom": func(p *pool) entry {
		return p.result(p.Custom(idle, gguf.F16, p.IntN(5)-1, p.shape(), p.any().Tensor, p.any().Tensor), nil)
	},

	"mul_mat": func(p *pool) entry {
		x := p.pick(isF32)
		w := p.pick(func(w Tensor) bool {
			return w.ne[0] == x.ne[0] && x.ne[2]%w.ne[2] == 0 && x.ne[3]%w.ne[3] == 0
		})
		return p.result(p.MulMat(w.Tensor, x.Tensor), func() array { return product(*w.known, *x.known) }, x, w)
	},
	"rope": func(p *pool) entry {
		a := p.pick(func(x Tensor) bool { return isF32(x) && x.ne[0]%2 == 0 })
		pos := p.pick(func(x Tensor) bool { return x.typ == gguf.I32 && x.ne == [4]int{a.ne[2], 1, 1, 1} })
		return p.result(p.RoPE(a.Tensor, pos.Tensor, 100), nil, a)
	},
	"flash_attn": func(p *pool) entry {
		q := p.pick(func(x Tensor) bool { return isF32(x) && x.ne[3] == 1 })
		k := p.pick(func(x Tensor) bool { return x.ne[0] == q.ne[0] && x.ne[3] == 1 && q.ne[2]%x.ne[2] == 0 })
		v := p.pick(func(x Tensor) bool { return x.ne[1] == k.ne[1] && x.ne[2] == k.ne[2] && x.ne[3] == 1 })
		mask := entry{}
		if p.IntN(2) == 0 {
			mask.Tensor = p.Cast(p.pick(func(x Tensor) bool { return x.ne == [4]int{k.ne[1], q.ne[1], 1, 1} }).Tensor, gguf.F16)
		}
		return p.result(p.FlashAttention(q.Tensor, k.Tensor, v.Tensor, mask.Tensor, 0.5, float32(p.IntN(2))), nil)
	},
	"attention": func(p *pool) entry {
		q := p.pick(func(x Tensor) bool { return isF32(x) && x.ne[3] == 1 })
		k := p.pick(func(x Tensor) bool { return x.ne[0] == q.ne[0] && x.ne[3] == 1 && q.ne[2]%x.ne[2] == 0 })
		v := p.pick(func(x Tensor) bool { return x.ne[0] == k.ne[1] && x.ne[2] == k.ne[2] && x.ne[3] == 1 })
		return p.result(p.Attention(q.Tensor, k.Tensor, v.Tensor, Tensor{}, 0.5, 0), nil)
	},
}
