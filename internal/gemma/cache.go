package gemma

import (
	"fmt"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/nn"
)

// A Cache holds the keys and values of up to Len tokens of a sequence, per
// layer. One sequence owns it; Close frees it.
//
// Keys are [hk*e, Len], a row per token. For our kernels values are the same.
// For ggml values are [Len, hk*e], a row per channel, as its product with the
// attention's weights reads them.
type Cache struct {
	*nn.Store
	Len    int
	cfg    Config
	typ    gguf.Type
	byRow  bool // values are a row per token
	layers []layer
}

type layer struct{ k, v nn.Tensor }

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
	cache := &Cache{Store: store, Len: size, cfg: c, typ: t, byRow: b.Kernels()}
	w := nn.NewWeights(store)
	for i := range c.Layers {
		cache.layers = append(cache.layers, layer{w.Get(name(i, "k"), keys...), w.Get(name(i, "v"), values...)})
	}
	return cache, w.Err()
}

// CacheBytes returns the bytes of a cache for size tokens, in float32 or float16.
func (c Config) CacheBytes(size int, f32 bool) int {
	n := 2 * c.Layers * c.KVHeads * c.HeadDim * size // keys and values
	if f32 {
		return 4 * n
	}
	return 2 * n
}

// overflow says of keys or values what their check found, and what to do.
func (c *Cache) overflow(part string) string {
	if c.typ != gguf.F16 {
		return part
	}
	return part + " as float16, at most 65504 (Options.CacheF32, --cache-type f32, keeps them in float32)"
}

// Check reports keys or values of n tokens from place first on that are not finite,
// as an error that wraps nn.ErrNotFinite. In the caches of ggml's kernels graphs check
// what they write.
func (c *Cache) Check(first, n int) error {
	if !c.byRow {
		return nil
	}
	for i, l := range c.layers {
		for _, x := range []struct {
			part string
			nn.Tensor
		}{{"keys", l.k}, {"values", l.v}} {
			switch ok, err := nn.FiniteRows(x.Tensor, first, n); {
			case err != nil:
				return err
			case !ok:
				return fmt.Errorf("blk.%d.%s: %w", i, c.overflow(x.part), nn.ErrNotFinite)
			}
		}
	}
	return nil
}

func name(i int, part string) string { return fmt.Sprintf("cache.%d.%s", i, part) }

// Cells returns the indices of the values of tokens at places, in a layer's
// values read as one column: channel by channel within a token, token by token.
// The cache must be one for ggml.
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

// write puts the keys and values of a span, both [e, hk, n], in their places of
// layer i.
func (s Span) write(g *nn.Graph, i int, k, v nn.Tensor) {
	l := s.Cache.layers[i]
	e, hk, n := k.Dim(0), k.Dim(1), k.Dim(2)
	if !s.Cache.byRow {
		s.check(g, "keys", k)
		s.check(g, "values", v)
	}
	tokens := func(x nn.Tensor) nn.Tensor {
		if !x.Contiguous() {
			x = g.Cont(x)
		}
		return g.Reshape(x, e*hk, n) // [e*hk, n]
	}
	switch {
	case s.Cache.byRow:
		place := func(x nn.Tensor) nn.Tensor {
			return g.View(g.Reshape(x, e, hk, x.Dim(1)), []int{0, 0, s.Start}, e, hk, n) // [e, hk, n]
		}
		g.Run(g.Copy(k, place(l.k)))
		g.Run(g.Copy(v, place(l.v)))
	case s.Rows.Valid():
		g.Run(g.SetRows(l.k, tokens(k), s.Rows))
		cells := g.Reshape(l.v, 1, l.v.Len())                     // [1, Len*hk*e]
		g.Run(g.SetRows(cells, g.Reshape(v, 1, n*hk*e), s.Cells)) // [1, n*hk*e]
	default:
		g.Run(g.Copy(tokens(k), g.View(l.k, []int{0, s.Start}, e*hk, n)))              // [e*hk, n]
		g.Run(g.Copy(g.Transpose(tokens(v)), g.View(l.v, []int{s.Start, 0}, n, e*hk))) // [n, e*hk]
	}
}

// check has the graph check keys or values x as the cache will hold them.
func (s Span) check(g *nn.Graph, part string, x nn.Tensor) {
	if t := s.Cache.typ; t != gguf.F32 {
		x = g.Cast(g.Cast(x, t), gguf.F32)
	}
	g.Finite(s.Cache.overflow(part), x)
}

// read returns the first m tokens of layer i: keys [e, m, hk] and values
// [m, e, hk].
func (c *Cache) read(g *nn.Graph, i, m int) (k, vT nn.Tensor) {
	l, e, hk := c.layers[i], c.cfg.HeadDim, c.cfg.KVHeads
	first := func(x nn.Tensor) nn.Tensor {
		return g.View(g.Reshape(x, e, hk, x.Dim(1)), []int{0, 0, 0}, e, hk, m) // [e, hk, m]
	}
	k = g.Permute(first(l.k), 0, 2, 1, 3) // [e, m, hk]
	if c.byRow {
		return k, g.Permute(first(l.v), 1, 2, 0, 3) // [m, e, hk]
	}
	v := g.Reshape(l.v, l.v.Dim(0), e, hk)        // [Len, e, hk]
	return k, g.View(v, []int{0, 0, 0}, m, e, hk) // [m, e, hk]
}
