package testmodel

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/pgcli/paligemma/gguf"
)

// maxMutant bounds the data of a tensor whose shape or type Mutate changes, in bytes.
const maxMutant = 16 << 20

// Clone copies the parts, but not the data of tensors, which Mutate replaces and
// never changes.
func (p *Parts) Clone() *Parts {
	return &Parts{Keys: slices.Clone(p.Keys), Values: maps.Clone(p.Values), Tensors: slices.Clone(p.Tensors), Data: maps.Clone(p.Data)}
}

// Mutate changes a key, a tensor, or an order, and says which. same says that the
// file still means the same.
func (p *Parts) Mutate(r *rand.Rand) (what string, same bool) {
	key := p.Keys[r.IntN(len(p.Keys))]
	i, j := r.IntN(len(p.Tensors)), r.IntN(len(p.Tensors))
	x, y := &p.Tensors[i], &p.Tensors[j]
	switch r.IntN(14) {
	case 0:
		delete(p.Values, key)
		return "without key " + key, false
	case 1, 2, 3:
		p.Values[key] = otherValue(r, p.Values[key])
		return fmt.Sprintf("%s = %.60v", key, fmt.Sprint(p.Values[key])), false
	case 4:
		p.Values[key] = []any{uint8(1), int16(-1), uint64(1) << 40, float64(0.5), true, "text", []string{"a"}, []uint8{1}, []float64{1}}[r.IntN(9)]
		return fmt.Sprintf("%s is a %T", key, p.Values[key]), false
	case 5:
		other := p.Keys[r.IntN(len(p.Keys))]
		p.Values[key], p.Values[other] = p.Values[other], p.Values[key]
		return "values of " + key + " and " + other + " exchanged", key == other
	case 6:
		r.Shuffle(len(p.Keys), func(a, b int) { p.Keys[a], p.Keys[b] = p.Keys[b], p.Keys[a] })
		r.Shuffle(len(p.Tensors), func(a, b int) { p.Tensors[a], p.Tensors[b] = p.Tensors[b], p.Tensors[a] })
		return "another order", true
	case 7:
		delete(p.Data, x.Name)
		return "without tensor " + x.Name, false
	case 8:
		p.Data[x.Name], p.Data[y.Name] = fill(r, p.Data[y.Name], len(p.Data[x.Name])), fill(r, p.Data[x.Name], len(p.Data[y.Name]))
		return "data of " + x.Name + " and " + y.Name + " exchanged", false // fill changes them
	case 9:
		old := x.Name
		x.Name = []string{"x", old + ".weight", y.Name + "2", "v." + old}[r.IntN(4)]
		p.Data[x.Name] = p.Data[old]
		return "tensor " + old + " is named " + x.Name, false
	case 10, 11:
		x.Shape = otherShape(r, x.Shape)
		p.reshape(r, x)
		return fmt.Sprintf("%s of shape %v", x.Name, x.Shape), false
	case 12:
		types := []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q4_0, gguf.Q5_1, gguf.Q8_0, gguf.Q2_K, gguf.Q4_K, gguf.Q6_K, gguf.IQ4_NL, gguf.I8, gguf.I32, gguf.F64, gguf.MXFP4, gguf.TQ2_0}
		x.Type = types[r.IntN(len(types))]
		p.reshape(r, x)
		return fmt.Sprintf("%s as %v", x.Name, x.Type), false
	}
	data := bytes.Clone(p.Data[x.Name])
	for range 1 + r.IntN(8) {
		if len(data) >= 4 {
			at := r.IntN(len(data)-3) &^ 3
			bits := []uint32{0x7fc00000, 0xff800000, 0x7f7fffff, 0x7fc07fc0, 0x7bff7bff, r.Uint32(), 1}[r.IntN(7)]
			copy(data[at:], []byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
		}
	}
	p.Data[x.Name] = data
	return "values of " + x.Name, false
}

// reshape gives a tensor as much data as its shape and type ask for, or leaves it out
// if the type has no such shape.
func (p *Parts) reshape(r *rand.Rand, x *gguf.Tensor) {
	size, err := x.Type.Size(x.Shape...)
	if err != nil || size > maxMutant {
		delete(p.Data, x.Name)
		return
	}
	p.Data[x.Name] = fill(r, p.Data[x.Name], int(size))
}

// fill makes data of a size: zeros, bytes of another tensor over and over, or random.
func fill(r *rand.Rand, from []byte, size int) []byte {
	data := make([]byte, size)
	switch way := r.IntN(4); {
	case way < 2 && len(from) > 0:
		for n := 0; n < size; {
			n += copy(data[n:], from)
		}
	case way == 2:
		for i := range data {
			data[i] = byte(r.Uint32())
		}
	}
	return data
}

func otherShape(r *rand.Rand, shape []int) []int {
	shape = slices.Clone(shape)
	at := r.IntN(len(shape))
	switch r.IntN(6) {
	case 0:
		shape[at] *= 2
	case 1:
		shape[at] = max(1, shape[at]/2)
	case 2:
		shape[at] += []int{-1, 1, 8, -8, 32}[r.IntN(5)]
	case 3:
		slices.Reverse(shape)
	case 4:
		shape = append(shape, 1+r.IntN(2))
	default:
		shape = shape[:max(1, len(shape)-1)]
	}
	return shape
}

// otherValue returns a value of the same type.
func otherValue(r *rand.Rand, v any) any {
	switch v := v.(type) {
	case uint32:
		return []uint32{0, 1, 2, v - 1, v + 1, 2 * v, v / 2, v ^ 1<<r.IntN(32), 1 << 16, math.MaxInt32, math.MaxUint32, r.Uint32N(600)}[r.IntN(12)]
	case float32:
		return []float32{0, 1, -1, -v, v * 2, 1e-30, 1e30, float32(math.NaN()), float32(math.Inf(1)), math.MaxFloat32}[r.IntN(10)]
	case bool:
		return !v
	case string:
		return []string{"", "x", v + v, "gemma", "bicubic", "\x1b[31m", v + "\x00"}[r.IntN(7)]
	case []string:
		v = slices.Clone(v)
		if len(v) > 0 {
			v[r.IntN(len(v))] = []string{"", "\xff", v[r.IntN(len(v))], "<loc0000>", "\x1b[31m"}[r.IntN(5)]
		}
		return v[:len(v)-r.IntN(2)*min(1, len(v))]
	case []float32:
		v = slices.Clone(v)
		if len(v) > 0 {
			v[r.IntN(len(v))] = []float32{0, -1, 1e30, float32(math.NaN()), 2}[r.IntN(5)]
		}
		return v
	case []int32:
		v = slices.Clone(v)
		if len(v) > 0 {
			v[r.IntN(len(v))] = []int32{0, -1, 99, 1, 3, math.MaxInt32}[r.IntN(6)]
		}
		return v
	}
	return "another"
}
