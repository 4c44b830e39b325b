package nn

import (
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// StepAttention writes the key and the value of each row to the cache of its
// sequence, and then computes softmax(softcap(scale·kᵀq))·v over the keys that the
// row sees, heads side by side (arXiv:1706.03762, equation 1). Axis letters: e head
// dim, h query heads, hk key heads, n rows.
//
//	q      [e, h, n]
//	k, v   [e, hk, n]  h a multiple of hk; h/hk consecutive query heads share one
//	caches [n]         an input made by Caches
//	places [4, n]      an input made by Places
//	keys, values       of the store that caches are like: f32 or f16 [hk*e, tokens]
//
// All rows are written before one is read, so rows of one sequence may see each
// other. The result is f32 [e*h, n]. A row's result is the same to the bit whatever
// the other rows are. A softcap of 0 leaves the scores as they are. Only backends of
// NewKernelBackend have it.
func (g *Graph) StepAttention(q, k, v, caches, places, keys, values Tensor, scale, softcap float32) Tensor {
	const op = "step attention"
	if !g.begin(op, q, k, v, caches, places) {
		return lost
	}
	rows, at := g.stepInputs[caches.t], g.stepInputs[places.t]
	e, h, n, hk := q.ne[0], q.ne[1], q.ne[2], k.ne[1]
	row := [4]int{e, hk, n, 1}
	switch {
	case g.backend.pool == nil:
		return g.fail(op, "the backend has no kernels")
	case rows == nil || rows.layout == nil || caches.ne[0] != n || at == nil || places.ne[1] != n:
		return g.fail(op, "caches %v and places %v, want inputs made by Caches and Places for %d rows", caches, places, n)
	case q.typ != gguf.F32 || k.typ != gguf.F32 || v.typ != gguf.F32 || !q.rowsContiguous() || !k.rowsContiguous() || !v.rowsContiguous():
		return g.fail(op, "q %v, k %v, v %v: want f32 in contiguous rows", q, k, v)
	case k.ne != row || v.ne != row || h%hk != 0 || e%HeadUnit != 0 || q.ne[3] != 1:
		return g.fail(op, "q %v, k %v, v %v: want [e h n], [e hk n], [e hk n], e a multiple of %d", q, k, v, HeadUnit)
	case !finite(scale) || !finite(softcap) || softcap < 0:
		return g.fail(op, "scale %v, softcap %v: want finite numbers, softcap 0 or more", scale, softcap)
	}
	from, to := rows.slotOf(keys), rows.slotOf(values)
	if from == nil || to == nil || from.typ != to.typ || from.typ != gguf.F32 && from.typ != gguf.F16 ||
		from.ne != to.ne || from.ne != [4]int{e * hk, from.ne[1], 1, 1} {
		return g.fail(op, "keys %v, values %v: want f32 or f16 [%d tokens] of the store that the caches are like", keys, values, e*hk)
	}
	if tokens := from.ne[1]; at.tokens == 0 || tokens < at.tokens {
		at.tokens = tokens
	}
	if g.steps == nil {
		g.steps = map[stepPair]bool{}
	}
	g.steps[stepPair{caches.t, places.t}] = true
	return g.kernel(op, [4]int{e * h, n, 1, 1}, func(dst Tensor) kernels.Op {
		return &kernels.Steps{
			N: n, Heads: h, KeyHeads: hk, HeadDim: e, Scale: scale, Softcap: softcap,
			Q: q.address(), QHead: q.nb[1] / 4, QToken: q.nb[2] / 4,
			K: k.address(), KHead: k.nb[1] / 4, KToken: k.nb[2] / 4,
			V: v.address(), VHead: v.nb[1] / 4, VToken: v.nb[2] / 4,
			Caches: caches.address(), Places: places.address(), Tokens: from.ne[1],
			Keys: int(from.offset), Values: int(to.offset), Half: from.typ == gguf.F16,
			Out: dst.address(), OutToken: e * h, Threads: g.backend.pool.Threads(), Level: g.backend.level,
		}
	}, q, k, v, caches, places) // [e*h, n]
}

// slotOf returns where x, a tensor of the store that the caches are like, lies in
// each of them; nil if it is not of that store.
func (in *stepInput) slotOf(x Tensor) *slot {
	for i, s := range in.layout {
		if x.home != nil && in.like.tensors[s.name].t == x.t {
			return &in.layout[i]
		}
	}
	return nil
}
