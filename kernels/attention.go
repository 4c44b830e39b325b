package kernels

// Attention is softmax(softcap(Scale·kq) + mask)·v, heads side by side, without
// a matrix of scores in memory. Steps are in elements, not bytes. The HeadDim
// channels of a query, a key or a result of one head are contiguous. A query whose
// scores are all -inf gets 0, as in ggml's flash attention.
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
	Threads int // the most that take part
}
