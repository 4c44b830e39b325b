package nn

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// reading returns specs that read their data from file.
func reading(file []byte, specs []Spec) []Spec {
	list := append([]Spec(nil), specs...)
	for i, s := range list {
		list[i].Read = func(p []byte, from int) error {
			copy(p, file[s.Offset+from:])
			return nil
		}
		list[i].Offset = 0
	}
	return list
}

// TestReadWeightsEqualMapped puts matrices of every type into stores, from a file in
// memory and by reading it: packed they are the same bytes, and products are equal.
func TestReadWeightsEqualMapped(t *testing.T) {
	dev := anyDoor(t)
	const k, n = 512, 3
	r := rand.New(rand.NewPCG(5, 6))
	x := normal(r, k*n)
	for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q4_0, gguf.Q5_0, gguf.Q8_0, gguf.Q3_K, gguf.Q4_K, gguf.Q6_K} {
		const m = 4*copyStep/(4*k) + 45 // several steps of reading, and no whole panel at the end
		file := page(typ.RowBytes(k) * m)
		if values := normal(r, k*m); typ == gguf.F32 {
			gguf.EncodeF32(file, values)
		} else {
			must(t, dev.Lib().Quantize(typ, file, values, k))
		}
		specs := []Spec{{Name: "w", Type: typ, Shape: []int{k, m}, Product: true}}
		if len(kernels.Levels()) > 0 {
			whole, err := PackStore(dev, "whole", file, specs, 2)
			must(t, err)
			read, err := PackStore(dev, "read", nil, reading(file, specs), 2)
			must(t, err)
			if !bytes.Equal(whole.packed, read.packed) {
				t.Errorf("%v: packed as it is read differs", typ)
			}
			must(t, errors.Join(whole.Close(), read.Close()))
		}
		var results [][]float32
		for _, source := range []struct {
			file  []byte
			specs []Spec
		}{{file, specs}, {nil, reading(file, specs)}} {
			for _, repack := range []bool{false, true} {
				s, err := MapStore(dev, "weights", source.file, source.specs, repack)
				must(t, err)
				t.Cleanup(func() { must(t, s.Close()) })
				results = append(results, productOf(t, dev, s, x, k, m, n))
			}
		}
		for i := range 2 {
			if d := distance(results[i], results[2+i]); d != 0 {
				t.Errorf("%v, repacked %v: products as it is read are %.3g off", typ, i == 1, d)
			}
		}
	}
}

// productOf multiplies the weights w of a store by x.
func productOf(t *testing.T, dev bindings.Device, s *Store, x []float32, k, m, n int) []float32 {
	t.Helper()
	g := newGraph(t, newBackend(t, dev, 2), 8, nil)
	in := g.Input("x", gguf.F32, k, n)
	y := g.MulMat(NewWeights(s).Get("w", k, m), in)
	must(t, g.Compile(y))
	must(t, Set(g, in, x))
	compute(t, g)
	return get(t, g, y)
}

// TestReadErrorsEndTheCopying: the error of a reader comes back, soon.
func TestReadErrorsEndTheCopying(t *testing.T) {
	dev := anyDoor(t)
	failure := errors.New("no disk")
	var calls atomic.Int64
	specs := []Spec{{Name: "w", Type: gguf.F32, Shape: []int{1024, 64 << 10}, Product: true, Read: func(p []byte, from int) error {
		if calls.Add(1) > 3 {
			return failure
		}
		return nil
	}}}
	live := dev.Lib().Live()
	for name, load := range map[string]func() (*Store, error){
		"pack": func() (*Store, error) { return PackStore(dev, "weights", nil, specs, 2) },
		"map":  func() (*Store, error) { return MapStore(dev, "weights", nil, specs, false) },
	} {
		calls.Store(0)
		if name == "pack" && len(kernels.Levels()) == 0 {
			continue
		}
		if s, err := load(); s != nil || !errors.Is(err, failure) {
			t.Errorf("%s: error %v, want %v", name, err, failure)
		}
		if n := calls.Load(); n > 10 {
			t.Errorf("%s: %d reads after the error", name, n)
		}
	}
	if n := dev.Lib().Live(); n != live {
		t.Errorf("%d native handles after errors, want %d", n, live)
	}
}

// TestPlanTakesNoMemory plans weights of a terabyte.
func TestPlanTakesNoMemory(t *testing.T) {
	dev := anyDoor(t)
	specs := []Spec{
		{Name: "w", Type: gguf.Q8_0, Shape: []int{1 << 20, 1 << 19}, Product: true},
		{Name: "e", Type: gguf.F16, Shape: []int{1 << 20, 1 << 18}},
	}
	for _, packed := range []bool{false, len(kernels.Levels()) > 0} {
		s, err := PlanStore(dev, "weights", specs, packed)
		must(t, err)
		if got, least := s.Bytes(), 1<<19*(1<<20/32*34)+1<<39; got < least || got > least+least/10 {
			t.Errorf("packed %v: %d bytes, want about %d", packed, got, least)
		}
		must(t, s.Close())
	}
}
