package kernels

import "math"

// attend defines Attention: softmax(softcap(scale·kq) + mask)·v for each of n
// tokens and h heads, over m keys (arXiv:1706.03762, equation 1). h/hk consecutive
// heads share a key head. A softcap of 0 and a nil mask are left out. The result is
// [e, h, n]. Where every score is -inf it is 0, as in ggml's flash attention, and
// not NaN, as in ggml's softmax.
func attend(n, m, h, hk, e int, scale, softcap float64, q, k, v func(token, head, channel int) float64,
	mask func(token, key int) float64) []float64 {
	out := make([]float64, n*h*e)
	weights := make([]float64, m)
	for i := range n {
		for head := range h {
			shared := head / (h / hk)
			top, total := math.Inf(-1), 0.0
			for j := range m {
				s := 0.0
				for c := range e {
					s += q(i, head, c) * k(j, shared, c)
				}
				s *= scale
				if softcap > 0 {
					s = softcap * math.Tanh(s/softcap)
				}
				if mask != nil {
					s += mask(i, j)
				}
				weights[j] = s
				if s > top {
					top = s
				}
			}
			for j, s := range weights {
				weights[j] = math.Exp(s - top)
				if math.IsInf(s, -1) {
					weights[j] = 0 // also where top is -inf
				}
				total += weights[j]
			}
			if total == 0 {
				continue
			}
			y := out[(i*h+head)*e:][:e]
			for j, w := range weights {
				share := w / total
				for c := range e {
					y[c] += share * v(j, shared, c)
				}
			}
		}
	}
	return out
}
