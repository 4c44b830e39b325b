package gemma

import (
	"fmt"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/nn"
)

// A Batch is a run of consecutive tokens.
type Batch struct {
	X   nn.Tensor // [d, n], input of the first block
	Pos nn.Tensor // i32 [n], positions counted from 0, image tokens included

	// Where keys and values go in the cache: at Start, fixed when the graph is
	// built; or, if Rows and Cells are given, wherever they say at each Compute.
	Start int
	Rows  nn.Tensor // i64 [n], each token's place
	Cells nn.Tensor // i64 [n*hk*e], see Cache.Cells
}

// Keys says which part of the cache a batch attends to: the first Len tokens,
// less what Mask [Len, n] (float32) excludes with -inf; none if it is zero.
type Keys struct {
	Len  int
	Mask nn.Tensor
}

// A Cache holds the keys and values of up to Len tokens, per layer. One
// session owns it; Close frees it.
//
// Keys are [hk*e, Len], a row per token. For ggml values are [Len, hk*e], a row
// per channel, as its product with the attention's weights wants them; our
// kernels have them like the keys.
type Cache struct {
	*nn.Store
	Len    int
	cfg    Config
	layers []layer
}

type layer struct {
	k, v nn.Tensor
	rows bool // of v per token
	cfg  Config
}

// NewCache returns an empty cache for size tokens, of type F32 or F16, for
// graphs on b.
func NewCache(b *nn.Backend, c Config, size int, t gguf.Type) (*Cache, error) {
	var specs []nn.Spec
	kv := c.KVHeads * c.HeadDim
	keys, values := []int{kv, size}, []int{size, kv}
	if b.Kernels() {
		values = keys
	}
	for i := range c.Layers {
		specs = append(specs,
			nn.Spec{Name: name(i, "k"), Type: t, Shape: keys},
			nn.Spec{Name: name(i, "v"), Type: t, Shape: values})
	}
	store, err := nn.NewStore(b.Device(), "key-value cache", specs)
	if err != nil {
		return nil, err
	}
	cache := &Cache{Store: store, Len: size, cfg: c}
	w := nn.NewWeights(store)
	for i := range c.Layers {
		cache.layers = append(cache.layers, layer{w.Get(name(i, "k"), keys...), w.Get(name(i, "v"), values...), b.Kernels(), c})
	}
	return cache, w.Err()
}

func name(i int, part string) string { return fmt.Sprintf("cache.%d.%s", i, part) }

func (c *Cache) layer(i int) layer { return c.layers[i] }

// Cells returns the indices at which the values of tokens at the given places
// lie in a layer's values read as one column: channel by channel within a
// token, token by token.
func (c *Cache) Cells(places []int64) []int64 {
	kv := c.cfg.KVHeads * c.cfg.HeadDim
	cells := make([]int64, 0, len(places)*kv)
	for _, p := range places {
		for channel := range kv {
			cells = append(cells, int64(channel*c.Len)+p)
		}
	}
	return cells
}

// write puts k and v, both [e, hk, n], in their place.
func (l layer) write(g *nn.Graph, k, v nn.Tensor, b Batch) {
	e, hk, n := k.Dim(0), k.Dim(1), k.Dim(2)
	tokens := func(x nn.Tensor) nn.Tensor {
		if !x.Contiguous() {
			x = g.Cont(x)
		}
		return g.Reshape(x, e*hk, n)
	}
	switch {
	case l.rows && b.Rows.Valid():
		g.Run(g.SetRows(l.k, tokens(k), b.Rows))
		g.Run(g.SetRows(l.v, tokens(v), b.Rows))
	case l.rows:
		g.Run(g.Copy(k, g.View(g.Reshape(l.k, e, hk, l.k.Dim(1)), []int{0, 0, b.Start}, e, hk, n)))
		g.Run(g.Copy(v, g.View(g.Reshape(l.v, e, hk, l.v.Dim(1)), []int{0, 0, b.Start}, e, hk, n)))
	case b.Rows.Valid():
		g.Run(g.SetRows(l.k, tokens(k), b.Rows))
		column := g.Reshape(l.v, 1, l.v.Len())
		g.Run(g.SetRows(column, g.Reshape(v, 1, n*hk*e), b.Cells))
	default:
		g.Run(g.Copy(tokens(k), g.View(l.k, []int{0, b.Start}, e*hk, n)))
		g.Run(g.Copy(g.Transpose(tokens(v)), g.View(l.v, []int{b.Start, 0}, n, e*hk)))
	}
}

// read returns the first m tokens: keys [e, m, hk] and values [m, e, hk].
func (l layer) read(g *nn.Graph, m int) (k, vT nn.Tensor) {
	e, hk := l.cfg.HeadDim, l.cfg.KVHeads
	first := func(x nn.Tensor) nn.Tensor { return g.View(g.Reshape(x, e, hk, x.Dim(1)), []int{0, 0, 0}, e, hk, m) }
	k = g.Permute(first(l.k), 0, 2, 1, 3)
	if l.rows {
		return k, g.Permute(first(l.v), 1, 2, 0, 3)
	}
	return k, g.View(g.Reshape(l.v, l.v.Dim(0), e, hk), []int{0, 0, 0}, m, e, hk)
}
