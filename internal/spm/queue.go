package spm

// A pair is two neighbouring symbols that could be merged.
type pair struct {
	score float32 // of the piece that the symbols spell
	size  int32   // length of the piece in bytes
	left  int     // index of the left symbol; the right one is its next
}

// before reports whether p is merged before q: the higher score comes first, and on
// a tie the pair further left, as in SentencePiece and llama.cpp.
func (p pair) before(q pair) bool {
	return p.score > q.score || p.score == q.score && p.left < q.left
}

// A queue is a binary heap of pairs with the next one to merge on top. It is
// container/heap without its allocation per element.
type queue []pair

// push adds p.
func (q *queue) push(p pair) {
	h := append(*q, p)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !p.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = p
	*q = h
}

// pop removes the next pair. The queue must not be empty.
func (q *queue) pop() pair {
	h := *q
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(last) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = last
	return top
}
