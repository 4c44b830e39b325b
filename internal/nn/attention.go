package nn

import (
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// maxScores bounds the scores of attention in memory, in elements: 64 MiB.
const maxScores = 64 << 20 / 4

// HeadUnit divides the length of the heads that package kernels computes.
const HeadUnit = 8

// Attention is softmax(softcap(scale·kᵀq) + mask)·v, heads side by side
// (arXiv:1706.03762, equation 1). Axis letters: e head dim, h query heads, hk
// key heads, n queries, m keys.
//
//	q  [e, n, h]
//	k  [e, m, hk]  h a multiple of hk; h/hk consecutive query heads share one
//	vT [m, e, hk]  values, transposed: axis 0 runs over keys
//	mask [m, n]    added to the scores of every head; may be the zero Tensor
//
// All are f32; package kernels takes f16 keys and values too. The result is f32
// [e*h, n]. A softcap of 0 leaves the scores as they are.
func (g *Graph) Attention(q, k, vT, mask Tensor, scale, softcap float32) Tensor {
	if g.backend.pool != nil {
		return g.kernelAttention(q, k, vT, mask, scale, softcap)
	}
	if g.err == nil && !vT.rowsContiguous() {
		vT = g.Cont(vT) // [m, e, hk]
	}
	n, m, h := q.ne[1], k.ne[1], q.ne[2]
	group := attentionGroup(n, m, h)
	var out Tensor
	for start := 0; start < n && g.err == nil; start += group {
		size := min(group, n-start)
		part, rows := q, mask
		if size < n {
			part = g.View(q, []int{0, start, 0}, q.ne[0], size, h) // [e, size, h]
			if mask.home != nil {
				rows = g.View(mask, []int{0, start}, m, size) // [m, size]
			}
		}
		y := g.attend(part, k, vT, rows, scale, softcap) // [e*h, size]
		if start == 0 {
			out = y
		} else {
			out = g.Concat(out, y, 1) // [e*h, start+size]
		}
	}
	return out
}

// attentionGroup returns how many of n queries ggml takes at a time, so that no more than
// maxScores exist.
func attentionGroup(n, m, h int) int { return max(1, min(n, maxScores/max(1, m*h))) }

// AttentionNodes returns an upper bound of the nodes that one Attention adds, for n queries
// of h heads over m keys.
func AttentionNodes(n, m, h int) int {
	group := attentionGroup(n, m, h)
	return 16 * ((n + group - 1) / group)
}

// attend is Attention by ggml for one group of n queries: [e*h, n].
func (g *Graph) attend(q, k, vT, mask Tensor, scale, softcap float32) Tensor {
	e, n, h := q.ne[0], q.ne[1], q.ne[2]
	s := g.MulMat(k, q) // [m, n, h]
	if softcap > 0 {
		// softcap·tanh(scale·s/softcap): SoftMax multiplies by softcap.
		s, scale = g.Tanh(g.Scale(s, scale/softcap)), softcap
	}
	p := g.SoftMax(s, mask, scale)       // [m, n, h]
	y := g.MulMat(vT, p)                 // [e, n, h]
	y = g.Cont(g.Permute(y, 0, 2, 1, 3)) // [e, h, n]
	return g.Reshape(y, e*h, n)          // [e*h, n]
}

// kernelAttention is Attention by package kernels, which keeps no matrix of
// scores: [e*h, n].
func (g *Graph) kernelAttention(q, k, vT, mask Tensor, scale, softcap float32) Tensor {
	const op = "attention"
	if !g.begin(op, withMask(mask, q, k, vT)...) {
		return lost
	}
	size := k.typ.BlockBytes()
	half := k.typ == gguf.F16
	e, n, h, m, hk := q.ne[0], q.ne[1], q.ne[2], k.ne[1], k.ne[2]
	switch {
	case q.typ != gguf.F32 || !q.rowsContiguous() || !k.rowsContiguous() || k.typ != vT.typ || !half && k.typ != gguf.F32:
		return g.fail(op, "q %v, k %v, v %v: want f32 queries, f32 or f16 keys and values, in contiguous rows", q, k, vT)
	case k.ne[0] != e || vT.ne[0] != m || vT.ne[1] != e || vT.ne[2] != hk || h%hk != 0 || e%HeadUnit != 0 || q.ne[3]*k.ne[3]*vT.ne[3] != 1:
		return g.fail(op, "q %v, k %v, v %v: want [e n h], [e m hk], [m e hk], e a multiple of %d", q, k, vT, HeadUnit)
	case vT.nb[0] != size && vT.nb[1] != size:
		return g.fail(op, "values %v are contiguous neither by token nor by channel", vT)
	case mask.home != nil && (mask.typ != gguf.F32 || mask.ne != [4]int{m, n, 1, 1} || !mask.rowsContiguous()):
		return g.fail(op, "mask %v, want f32 [%d %d]", mask, m, n)
	case !finite(scale) || !finite(softcap) || softcap < 0:
		return g.fail(op, "scale %v, softcap %v: want finite numbers, softcap 0 or more", scale, softcap)
	}
	return g.kernel(op, [4]int{e * h, n, 1, 1}, func(dst Tensor) kernels.Op {
		return &kernels.Attention{
			Queries: n, Keys: m, Heads: h, KeyHeads: hk, HeadDim: e, Scale: scale, Softcap: softcap,
			Q: q.address(), QHead: q.nb[2] / 4, QToken: q.nb[1] / 4,
			K: k.address(), V: vT.address(), Half: half,
			KHead: k.nb[2] / size, KToken: k.nb[1] / size,
			VHead: vT.nb[2] / size, VToken: vT.nb[0] / size, VChannel: vT.nb[1] / size,
			Mask: mask.address(), MaskQuery: mask.nb[1] / 4,
			Out: dst.address(), OutToken: e * h, Threads: g.backend.pool.Threads(), Level: g.backend.level,
		}
	}, withMask(mask, q, k, vT)...) // [e*h, n]
}
