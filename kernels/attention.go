package kernels

import "math"

// Attention is softmax(softcap(Scale·kq) + mask)·v, heads side by side, without
// a matrix of scores in memory. Steps are in elements, not bytes; the HeadDim
// channels of a head's query, key or result are contiguous. A query whose every
// score is -inf gets 0, as in ggml's flash attention.
type Attention struct {
	Queries, Keys    int
	Heads, KeyHeads  int // Heads a multiple of KeyHeads
	HeadDim          int // a multiple of 8
	Scale, Softcap   float32
	Q                uintptr // float32
	QHead, QToken    int
	K, V             uintptr // float16 if Half, else float32
	Half             bool
	KHead, KToken    int
	VHead            int
	VToken, VChannel int     // one of them 1: values in rows per token, or per channel
	Mask             uintptr // float32 [Keys, Queries], added to each head's scores; 0 for none
	MaskQuery        int
	Out              uintptr // float32 [HeadDim*Heads, Queries]
	OutToken         int

	Level   Level
	Threads int // that may take part
}

// attend defines attention: softmax(softcap(scale·kq) + mask)·v for each of n
// tokens and h heads, over m keys (arXiv:1706.03762, equation 1); h/hk
// consecutive heads share a key head. softcap·tanh(score/softcap) is left out
// if softcap is 0, the mask if it is nil. The result is [e, h, n]; where every
// score is -inf it is 0, as in ggml's flash attention, and not the NaN of
// ggml's softmax.
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
