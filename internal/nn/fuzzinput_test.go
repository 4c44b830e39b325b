package nn

import (
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// randomStore is writable, with tensors of every type, filled once.
func randomStore(t *testing.T, dev bindings.Device) *Store {
	var specs []Spec
	for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.BF16} {
		specs = append(specs, Spec{Name: typ.String() + " cache", Type: typ, Shape: []int{6, 5, 4}},
			Spec{Name: typ.String() + " matrix", Type: typ, Shape: []int{8, 5}})
	}
	for _, typ := range []gguf.Type{gguf.Q4_0, gguf.Q5_0, gguf.Q8_0, gguf.Q2_K, gguf.Q3_K, gguf.Q4_K,
		gguf.Q5_K, gguf.Q6_K, gguf.IQ4_NL, gguf.IQ4_XS, gguf.I32, gguf.I64} {
		specs = append(specs, Spec{Name: typ.String(), Type: typ, Shape: []int{typ.BlockSize() * (1 + len(specs)%2), 5, 1 + len(specs)%3}})
	}
	return newStore(t, dev, specs...)
}

// randomWeights is mapped, some of it repacked where ggml can.
func randomWeights(t *testing.T, dev bindings.Device) *Store {
	var specs []Spec
	offset := 0
	r := rand.New(rand.NewPCG(5, 5))
	var file []byte
	for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.Q8_0, gguf.Q4_0, gguf.Q4_K, gguf.Q6_K, gguf.IQ4_NL} {
		shape := []int{max(typ.BlockSize(), 32), 16}
		raw := make([]byte, typ.RowBytes(shape[0])*shape[1])
		values := normal(r, shape[0]*shape[1])
		if typ == gguf.F32 {
			typ = gguf.F16 // twice: written as what Quantize knows
			raw = raw[:len(raw)/2]
		}
		must(t, dev.Lib().Quantize(typ, raw, values, shape[0]))
		specs = append(specs, Spec{Name: string(rune('a' + len(specs))), Type: typ, Shape: shape, Offset: offset, Product: len(specs)%4 > 0})
		file = append(file, raw...)
		file = append(file, make([]byte, -len(file)&63)...)
		offset = len(file)
	}
	mapped := page(len(file))
	copy(mapped, file)
	s, err := MapStore(dev, "weights", mapped, specs, true)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// addStores puts some tensors of stores at hand. Their values are not known:
// graphs before may have written them.
func (p *pool) addStores(stores ...*Store) {
	for _, s := range stores {
		for _, name := range s.Names() {
			p.all = append(p.all, entry{Tensor: s.tensors[name], root: len(p.all)})
		}
	}
}

// addInputs puts inputs at hand and returns what sets them. Index inputs are
// bound by what they select among only when they are used, so set asks the
// graph.
func (p *pool) addInputs(t *testing.T) (set func()) {
	var inputs []entry
	add := func(typ gguf.Type, shape ...int) {
		x := p.Input("x", typ, shape...)
		e := entry{Tensor: x, root: len(p.all)}
		if typ == gguf.F32 {
			e.known = &array{x.ne, wide(normal(p.Rand, x.Len()))}
		}
		inputs, p.all = append(inputs, e), append(p.all, e)
	}
	for range 4 {
		add(gguf.F32, p.shape()...)
	}
	add(gguf.F32, p.all[len(p.all)-1].Shape()...) // two that fit
	add(gguf.F16, p.shape()...)
	for range 3 {
		add(gguf.I32, 1+p.IntN(6))
	}
	add(gguf.I32, p.shape()...)
	add(gguf.I64, 1+p.IntN(6))
	add(gguf.I64, 5)
	return func() {
		for _, e := range inputs {
			if e.t.Placed() {
				must(t, p.setInput(e))
			}
		}
	}
}

func (p *pool) setInput(e entry) error {
	rows := max(p.inputs[e.t].rows, 1)
	switch e.typ {
	case gguf.F32:
		v := make([]float32, e.Len())
		for i := range v {
			v[i] = float32(e.known.v[i])
		}
		return Set(p.Graph, e.Tensor, v)
	case gguf.F16:
		return Set(p.Graph, e.Tensor, make([]uint16, e.Len()))
	case gguf.I32:
		v := make([]int32, e.Len())
		for i := range v {
			v[i] = int32(p.IntN(rows))
		}
		return Set(p.Graph, e.Tensor, v)
	}
	v := make([]int64, e.Len())
	for i := range v {
		v[i] = int64(p.IntN(rows))
	}
	return Set(p.Graph, e.Tensor, v)
}
