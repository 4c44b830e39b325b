package nn

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

func TestWeights(t *testing.T) {
	s := newStore(t, anyDoor(t),
		Spec{Name: "blk.0.w", Type: gguf.F32, Shape: []int{3, 2}},
		Spec{Name: "blk.0.b", Type: gguf.Q8_0, Shape: []int{32}},
		Spec{Name: "norm.weight", Type: gguf.F32, Shape: []int{3}},
		Spec{Name: "norm.bias", Type: gguf.F32, Shape: []int{3}},
	)
	w := NewWeights(s)
	blk := w.Sub("blk", 0)
	if x := blk.Get("w", 3, 2, 1); x.String() != "f32 [3 2]" || w.Err() != nil {
		t.Fatalf("got %v, error %v", x, w.Err())
	}
	if l := w.LayerNorm("norm", 3, 1e-6); l.W.home == nil || l.B.home == nil || w.Err() != nil {
		t.Fatal(w.Err())
	}
	blk.Get("b", 31) // blocks of 32: no such tensor can be
	blk.Get("w", 2, 3)
	w.Sub("v", -1).Sub("blk", 7).Linear("q", 4, 5, true)
	w.RMSNorm("norm", 4, 0)
	want := []string{
		"tensor blk.0.b has shape [32], want [31]",
		"tensor blk.0.w has shape [3 2], want [2 3]",
		"tensor v.blk.7.q.weight of shape [4 5] is missing",
		"tensor v.blk.7.q.bias of shape [5] is missing",
		"tensor norm.weight has shape [3], want [4]",
	}
	if err := w.Err(); err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("errors\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
	var first *TensorError
	if !errors.As(w.Err(), &first) || first.Name != "blk.0.b" || !slices.Equal(first.Got, []int{32}) {
		t.Errorf("first error %+v", first)
	}
}

// TestStoreRefusesFalseClaims checks the errors of shapes, types and places that
// a file may claim.
func TestStoreRefusesFalseClaims(t *testing.T) {
	dev := anyDoor(t)
	file := page(256)
	m := func(offset int, shape ...int) []Spec {
		return []Spec{{Name: "ok", Type: gguf.F32, Shape: []int{1}}, {Name: "x", Type: gguf.F32, Shape: shape, Offset: offset}}
	}
	cases := []struct {
		want  string
		specs []Spec
	}{
		{"nn: f: tensor x: 16 bytes at -32 of a file of 256", m(-32, 4)},
		{"nn: f: tensor x: 16 bytes at 256 of a file of 256", m(256, 4)},
		{"nn: f: tensor x: 16 bytes at 244 of a file of 256", m(244, 4)},
		{"nn: f: tensor x: 16 bytes at 9223372036854775807 of a file of 256", m(1<<63-1, 4)},
		{"nn: f: tensor x: 1099511627776 bytes at 0", m(0, 1<<19, 1<<19)},
		{"nn: f: tensor x: shape [4 0]: axis 1 is 0", m(0, 4, 0)},
		{"nn: f: tensor x: shape [] has 0 axes", m(0)},
		{"nn: f: tensor ok: there are two of that name", append(m(0, 1), m(0, 1)...)},
		{"nn: f: tensor x: type type(4) is not supported", []Spec{{Name: "x", Type: 4, Shape: []int{32}}}},
		{"nn: f: tensor x: shape [33]: rows of q4_0 must be a multiple of 32", []Spec{{Name: "x", Type: gguf.Q4_0, Shape: []int{33}}}},
	}
	live := dev.Lib().Live()
	for _, c := range cases {
		s, err := MapStore(dev, "f", file, c.specs, true)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		must(t, s.Close())
	}
	s, err := NewStore(dev, "cache", []Spec{{Name: "x", Type: gguf.F32, Shape: []int{1 << 30, 1 << 16}}})
	if err == nil || !strings.HasPrefix(err.Error(), "nn: cache: ") {
		t.Errorf("256 TiB: store %v, error %v", s, err)
	}
	if n := dev.Lib().Live(); n != live {
		t.Errorf("%d native handles after errors, want %d", n, live)
	}
}

// TestMapStoreCopiesOnlyWhenItMust checks where the data lies: in the file if the
// device can read it there, else in a copy.
func TestMapStoreCopiesOnlyWhenItMust(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		const n = 4096
		host := dev.Type() == bindings.CPU
		for _, c := range []struct {
			name     string
			offset   int // of the tensor in the file
			skip     int // bytes before the file's start
			borrowed bool
		}{
			{"aligned", 64, 0, host},
			{"misaligned tensor", 68, 0, false},
			{"misaligned file", 64, 4, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				file := page(2 * 4 * n)[c.skip:]
				s, err := MapStore(dev, "weights", file, []Spec{{Name: "x", Type: gguf.F32, Shape: []int{n}, Offset: c.offset}}, false)
				must(t, err)
				t.Cleanup(func() { must(t, s.Close()) })
				if held := s.Bytes(); held != 4*n {
					t.Errorf("%d bytes held for a tensor of %d", held, 4*n)
				}
				g := newGraph(t, newBackend(t, dev, 1), 2, nil)
				y := g.Scale(NewWeights(s).Get("x", n), 1)
				must(t, g.Compile(y))
				compute(t, g)
				file[c.offset+3] = 0x3f // the first number becomes 0.5
				compute(t, g)
				want := float32(0)
				if c.borrowed {
					want = 0.5
				}
				for i, got := range get(t, g, y) {
					if i > 0 {
						want = 0
					}
					if got != want {
						t.Fatalf("value %d is %v after a change of the file, want %v", i, got, want)
					}
				}
			})
		}
	})
}

// TestRepackedProductsAgree multiplies by weights as they are in the file and in
// the layout that the device multiplies fastest, and logs the types that have
// such a layout.
func TestRepackedProductsAgree(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		const k, m, n = 512, 48, 5
		r := rand.New(rand.NewPCG(2, 2))
		weights, values := normal(r, k*m), normal(r, k*n)
		var repacked []string
		for _, typ := range []gguf.Type{gguf.F16, gguf.BF16, gguf.Q4_0, gguf.Q5_0, gguf.Q8_0, gguf.Q2_K,
			gguf.Q3_K, gguf.Q4_K, gguf.Q5_K, gguf.Q6_K, gguf.IQ4_NL, gguf.IQ4_XS} {
			file := page(typ.RowBytes(k) * m)
			must(t, dev.Lib().Quantize(typ, file, weights, k))
			var results [][]float32
			for _, repack := range []bool{false, true} {
				s, err := MapStore(dev, "weights", file, []Spec{{Name: "w", Type: typ, Shape: []int{k, m}, Product: true}}, repack)
				must(t, err)
				t.Cleanup(func() { must(t, s.Close()) })
				g := newGraph(t, newBackend(t, dev, 2), 8, nil)
				x := g.Input("x", gguf.F32, k, n)
				w := NewWeights(s).Get("w", k, m)
				y, one := g.MulMat(w, x), g.MulMat(w, g.View(x, []int{0, 1}, k, 1))
				must(t, g.Compile(y, one))
				must(t, Set(g, x, values))
				compute(t, g)
				results = append(results, append(get(t, g, y), get(t, g, one)...))
				if w.repacked {
					repacked = append(repacked, typ.String())
				}
			}
			near(t, typ.String(), results[1], wide(results[0]), 1e-5)
		}
		t.Logf("types with a layout of their own: %q", repacked)
		if cpu := dev.Features(); cpu["REPACK"] == "1" && cpu["AVX2"] == "1" && !slices.Contains(repacked, "q4_0") {
			t.Errorf("this ggml repacks (%v), but not q4_0", cpu)
		}
	})
}
