package nn

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testengine"
)

// TestDevice compares the device that the environment names with the CPU of the
// same library, at sizes of a tower: a product and a block of a transformer, of
// one token and of many.
func TestDevice(t *testing.T) {
	if os.Getenv(deviceVariable) == "" {
		t.Skip("no device to test: run `make test-vulkan`, or set " + deviceVariable + " to one of the ggml in " + testengine.Variable)
	}
	dev := openDoor(t, bindings.SharedLibrary)
	cpu, err := dev.Lib().CPU()
	must(t, err)
	for _, typ := range []gguf.Type{gguf.F32, gguf.F16} {
		for _, n := range []int{1, 77} {
			got, want := blockOn(t, dev, typ, n), blockOn(t, cpu, typ, n)
			for i, name := range []string{"product", "block"} {
				near(t, name, got[i], wide(want[i]), 1e-3)
			}
		}
	}
}

// blockOn computes a product and a block of random weights of a type for n
// tokens.
func blockOn(t *testing.T, dev bindings.Device, typ gguf.Type, n int) [2][]float32 {
	const d, e, h = 384, 64, 6 // d = e*h
	g := newGraph(t, newBackend(t, dev, 1), 100, nil)
	r := rand.New(rand.NewPCG(8, uint64(n)))
	var fill []func()
	input := func(name string, scale float32, ne ...int) Tensor {
		x := g.Input(name, gguf.F32, ne...)
		values := normal(r, x.Len())
		for i := range values {
			values[i] *= scale
		}
		fill = append(fill, func() { must(t, Set(g, x, values)) })
		return x
	}
	weight := func(name string, ne ...int) Tensor { return g.Cast(input(name, 0.05, ne...), typ) }
	x := input("x", 1, d, n)
	y := g.MulMat(weight("product", d, 1152), x)

	a := g.RMSNorm(x, 1e-6)
	heads := func(name string) Tensor { // [e, n, h]
		return g.Permute(g.Reshape(g.MulMat(weight(name, d, d), a), e, h, n), 0, 2, 1, 3)
	}
	v := g.Cont(g.Permute(heads("v"), 1, 0, 2, 3)) // [n, e, h]
	a = g.Add(x, g.Attention(heads("q"), heads("k"), v, input("mask", 1, n, n), 0.125, 0))
	up := g.GELU(g.MulMat(weight("up", d, 1024), g.RMSNorm(a, 1e-6)))
	block := g.Add(a, g.MulMat(weight("down", 1024, d), up))
	must(t, g.Compile(y, block))
	for _, set := range fill {
		set()
	}
	compute(t, g)
	return [2][]float32{get(t, g, y), get(t, g, block)}
}
