package nn

// maxScores bounds the scores of attention held at a time, in elements: 64 MiB.
const maxScores = 64 << 20 / 4

// Attention is softmax(softcap(scale·kᵀq) + mask)·v, heads side by side
// (arXiv:1706.03762, equation 1). Axis letters: e head dim, h query heads, hk
// key heads, n queries, m keys.
//
//	q  [e, n, h]
//	k  [e, m, hk]  h a multiple of hk; h/hk consecutive query heads share one
//	vT [m, e, hk]  values, transposed: rows run over keys
//	mask [m, n]    added to the scores of every head; zero for none
//
// The result is [e*h, n]. A softcap of 0 is none. Queries are taken in groups,
// so that no more than 64 MiB of scores exist at a time.
func (g *Graph) Attention(q, k, vT, mask Tensor, scale, softcap float32) Tensor {
	n, m, h := q.ne[1], k.ne[1], q.ne[2]
	group := n
	if m > 0 && h > 0 {
		group = max(1, min(n, maxScores/(m*h)))
	}
	var out Tensor
	for start := 0; start < n && g.err == nil; start += group {
		size := min(group, n-start)
		part, rows := q, mask
		if size < n {
			part = g.View(q, []int{0, start, 0}, q.ne[0], size, h)
			if mask.home != nil {
				rows = g.View(mask, []int{0, start}, m, size)
			}
		}
		y := g.attend(part, k, vT, rows, scale, softcap) // [e*h, size]
		if start == 0 {
			out = y
		} else {
			out = g.Concat(out, y, 1)
		}
	}
	return out
}

// attend is Attention for one group of queries.
func (g *Graph) attend(q, k, vT, mask Tensor, scale, softcap float32) Tensor {
	e, n, h := q.ne[0], q.ne[1], q.ne[2]
	s := g.MulMat(k, q) // [m, n, h]
	if softcap > 0 {
		// softcap·tanh(scale·s/softcap): the last product is soft_max's scale.
		s, scale = g.Tanh(g.Scale(s, scale/softcap)), softcap
	}
	p := g.SoftMax(s, mask, scale)       // [m, n, h]
	y := g.MulMat(vT, p)                 // [e, n, h]
	y = g.Cont(g.Permute(y, 0, 2, 1, 3)) // [e, h, n]
	return g.Reshape(y, e*h, n)          // [e*h, n]
}
