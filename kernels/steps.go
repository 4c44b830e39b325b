package kernels

// Steps is the attention of the next tokens of N sequences, a row each, over the
// caches of their sequences: it writes a row's key and value to its cache, and then
// computes softmax(softcap(Scale·kq))·v over the keys that the row sees. A row's
// result is the same to the bit whatever the others are. Steps from token to token
// and from head to head are in elements, not bytes.
type Steps struct {
	N, Heads, KeyHeads                          int // Heads a multiple of KeyHeads
	HeadDim                                     int // a multiple of 8
	Scale, Softcap                              float32
	Q, K, V                                     uintptr // float32, of the rows
	QHead, QToken, KHead, KToken, VHead, VToken int
	Caches                                      uintptr // int64 [N], addresses of caches
	Places                                      uintptr // int32 [4, N]: see [Place]
	Tokens                                      int     // that a cache has room for
	Keys, Values                                int     // bytes from a cache's address to [HeadDim*KeyHeads, Tokens]
	Half                                        bool    // caches are float16, else float32
	Out                                         uintptr // float32 [HeadDim*Heads, N]
	OutToken                                    int

	Level   Level
	Threads int // the most that take part
}

// A Place says where a row's key and value go in its cache, and which keys it then
// sees: those at places [0, Shared) and [From, To).
type Place struct{ At, Shared, From, To int32 }
