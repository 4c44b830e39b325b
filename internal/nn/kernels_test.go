package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testrace"
	"github.com/pgcli/paligemma/kernels"
)

// eachLevel runs f for each level of kernels that this processor has.
func eachLevel(t *testing.T, f func(t *testing.T, dev bindings.Device, level kernels.Level)) {
	t.Helper()
	if len(kernels.Levels()) == 0 {
		t.Skip(kernels.ErrNone)
	}
	for _, level := range kernels.Levels() {
		t.Run(level.String(), func(t *testing.T) { f(t, anyDoor(t), level) })
	}
}

// kernelBackend returns a backend that the test closes at its end.
func kernelBackend(t testing.TB, dev bindings.Device, threads int, level kernels.Level) *Backend {
	t.Helper()
	b, err := NewKernelBackend(dev, threads, level)
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	return b
}

// A layerCase is a computation with packed weights, as both towers have it.
type layerCase struct {
	name string
	make func(g *Graph, w Weights, x Tensor) []Tensor
}

const layerIn, layerOut, layerHead = 512, 192, 64

var layerCases = []layerCase{
	{"forward", func(g *Graph, w Weights, x Tensor) []Tensor {
		return []Tensor{w.Linear("a", layerIn, layerOut, true).Forward(g, x)}
	}},
	{"without bias", func(g *Graph, w Weights, x Tensor) []Tensor {
		return []Tensor{w.Linear("b", layerIn, layerOut, false).Forward(g, x)}
	}},
	{"gelu", func(g *Graph, w Weights, x Tensor) []Tensor {
		return []Tensor{w.Linear("a", layerIn, layerOut, true).GELU(g, x)}
	}},
	{"geglu", func(g *Graph, w Weights, x Tensor) []Tensor {
		return []Tensor{GeGLU(g, w.Linear("a", layerIn, layerOut, false), w.Linear("b", layerIn, layerOut, false), x)}
	}},
	{"heads", func(g *Graph, w Weights, x Tensor) []Tensor {
		heads := Heads(g, layerHead, x, w.Linear("a", layerIn, layerOut, true), w.Linear("b", layerIn, layerOut, false), w.Linear("c", layerIn, layerHead, true))
		for i, h := range heads {
			heads[i] = g.Cont(h)
		}
		return heads
	}},
	{"part of x", func(g *Graph, w Weights, x Tensor) []Tensor {
		return []Tensor{w.Linear("b", layerIn, layerOut, false).Forward(g, g.View(x, []int{0, 1}, layerIn, x.Dim(1)-1))}
	}},
	{"one column by rows", func(g *Graph, w Weights, x Tensor) []Tensor {
		return []Tensor{g.MulMat(w.Get("rows", layerIn, layerOut), g.View(x, []int{0, 1}, layerIn, 1))}
	}},
}

// TestKernelLayersAsGoodAsGGML compares each layer with the same layer in float32
// on the same quantized weights. The error must not exceed the error of ggml's
// kernels.
func TestKernelLayersAsGoodAsGGML(t *testing.T) {
	eachLevel(t, func(t *testing.T, dev bindings.Device, level kernels.Level) {
		for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q4_0, gguf.Q5_0,
			gguf.Q4_K, gguf.Q5_K, gguf.Q6_K, gguf.IQ4_NL, gguf.IQ4_XS, gguf.Q3_K, gguf.Q2_K} {
			if level.BFloats() && typ != gguf.BF16 {
				continue // computed as at AVX512VNNI
			}
			if !testrace.Chosen(int(level) + int(typ)) {
				continue
			}
			for _, n := range []int{2, 3, 37} {
				t.Run(fmt.Sprintf("%v %d", typ, n), func(t *testing.T) { testLayers(t, dev, level, typ, n) })
			}
		}
	})
}

func testLayers(t *testing.T, dev bindings.Device, level kernels.Level, typ gguf.Type, n int) {
	r := rand.New(rand.NewPCG(7, uint64(typ)))
	file := page(0)
	var specs, exact []Spec
	add := func(name string, product bool, rows int) {
		values := normal(r, layerIn*rows)
		size := typ.RowBytes(layerIn) * rows
		data := page(size)
		if typ == gguf.F32 {
			copy(data, raw32(values))
		} else {
			must(t, dev.Lib().Quantize(typ, data, values, layerIn))
		}
		specs = append(specs, Spec{Name: name, Type: typ, Shape: []int{layerIn, rows}, Offset: len(file), Product: product})
		file = append(file, data...)
		file = append(file, make([]byte, -len(file)&4095)...)
		values = dequantized(t, dev, typ, data, rows)
		exact = append(exact, Spec{Name: name, Type: gguf.F32, Shape: []int{layerIn, rows}, Offset: len(file), Product: product})
		file = append(file, raw32(values)...)
		file = append(file, make([]byte, -len(file)&4095)...)
	}
	add("a.weight", true, layerOut)
	add("b.weight", true, layerOut)
	add("c.weight", true, layerHead)
	add("rows", false, layerOut)
	for name, rows := range map[string]int{"a.bias": layerOut, "c.bias": layerHead} {
		s := Spec{Name: name, Type: gguf.F32, Shape: []int{rows}, Offset: len(file)}
		specs, exact = append(specs, s), append(exact, s)
		file = append(file, raw32(normal(r, rows))...)
		file = append(file, make([]byte, -len(file)&4095)...)
	}
	aligned := page(len(file))
	copy(aligned, file)
	x := normal(r, layerIn*n)
	for i := range x {
		if i%layerIn < 8 {
			x[i] *= 20 // outlier channels, as transformers have
		}
	}
	packed, err := PackStore(dev, "packed", aligned, specs, 2)
	must(t, err)
	t.Cleanup(func() { must(t, packed.Close()) })
	ours := runLayers(t, kernelBackend(t, dev, 2, level), packed, x, n)
	theirs := runLayers(t, newBackend(t, dev, 1), mapped(t, dev, aligned, specs), x, n)
	want := runLayers(t, newBackend(t, dev, 1), mapped(t, dev, aligned, exact), x, n)
	for i, c := range layerCases {
		own, ggml := distance(ours[i], want[i]), distance(theirs[i], want[i])
		// Two sums of float32 differ by a few roundings; ggml rounds activations too.
		if limit := max(1.1*ggml, 3e-6); !(own <= limit) {
			t.Errorf("%s: error %.3g, ggml's %.3g", c.name, own, ggml)
		}
	}
}

// dequantized returns the values of rows of layerIn, as ggml reads them.
func dequantized(t *testing.T, dev bindings.Device, typ gguf.Type, data []byte, rows int) []float32 {
	t.Helper()
	s := mapped(t, dev, data, []Spec{{Name: "w", Type: typ, Shape: []int{layerIn, rows}}})
	g := newGraph(t, newBackend(t, dev, 1), 8, nil)
	ids := g.Input("ids", gguf.I32, rows)
	y := g.GetRows(NewWeights(s).Get("w", layerIn, rows), ids)
	must(t, g.Compile(y))
	all := make([]int32, rows)
	for i := range all {
		all[i] = int32(i)
	}
	must(t, Set(g, ids, all))
	compute(t, g)
	return get(t, g, y)
}

func raw32(values []float32) (data []byte) {
	for _, v := range values {
		bits := math.Float32bits(v)
		data = append(data, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return data
}

func mapped(t *testing.T, dev bindings.Device, file []byte, specs []Spec) *Store {
	t.Helper()
	s, err := MapStore(dev, "mapped", file, specs, false)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func runLayers(t *testing.T, b *Backend, s *Store, values []float32, n int) (results [][]float32) {
	t.Helper()
	g := newGraph(t, b, 400, nil)
	x := g.Input("x", gguf.F32, layerIn, n)
	w := NewWeights(s)
	var outs [][]Tensor
	var all []Tensor
	for _, c := range layerCases {
		out := c.make(g, w, x)
		outs = append(outs, out)
		all = append(all, out...)
	}
	must(t, w.Err())
	must(t, g.Compile(all...))
	must(t, Set(g, x, values))
	compute(t, g)
	for _, out := range outs {
		var joined []float32
		for _, y := range out {
			joined = append(joined, get(t, g, y)...)
		}
		results = append(results, joined)
	}
	return results
}

// distance returns the norm of got - want divided by the norm of want.
func distance(got, want []float32) float64 {
	var off, all float64
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		off += d * d
		all += float64(w) * float64(w)
	}
	return math.Sqrt(off / all)
}
