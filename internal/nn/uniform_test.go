package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testrace"
	"github.com/pgcli/paligemma/kernels"
)

// TestUniformGraphsEqualOneColumn computes a block as the decoder has it (norm,
// heads, RoPE, products, an MLP, sums) and the output head, for several columns and
// for each alone, and compares bit for bit.
func TestUniformGraphsEqualOneColumn(t *testing.T) {
	eachLevel(t, func(t *testing.T, dev bindings.Device, level kernels.Level) {
		for _, typ := range []gguf.Type{gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q4_0, gguf.Q4_K, gguf.Q6_K, gguf.IQ4_XS} {
			for _, precise := range []bool{false, true} {
				if !testrace.Chosen(int(level) + int(typ)) {
					continue
				}
				t.Run(fmt.Sprintf("%v precise=%t", typ, precise), func(t *testing.T) {
					b := kernelBackend(t, dev, 2, level)
					b.Precise = precise
					testUniform(t, dev, b, typ)
				})
			}
		}
	})
}

func testUniform(t *testing.T, dev bindings.Device, b *Backend, typ gguf.Type) {
	const d, hidden, vocab, most = 256, 512, 150, 17
	rows := typ
	if rows == gguf.IQ4_XS {
		rows = gguf.Q4_0
	}
	r := rand.New(rand.NewPCG(12, uint64(typ)))
	var file []byte
	var specs []Spec
	add := func(name string, typ gguf.Type, product bool, k, m int) {
		data := page(typ.RowBytes(k) * m)
		if typ == gguf.F32 {
			copy(data, raw32(normal(r, k*m)))
		} else {
			must(t, dev.Lib().Quantize(typ, data, normal(r, k*m), k))
		}
		specs = append(specs, Spec{Name: name, Type: typ, Shape: []int{k, m}, Offset: len(file), Product: product})
		file = append(file, data...)
		file = append(file, make([]byte, -len(file)&4095)...)
	}
	add("q.weight", typ, true, d, d)
	add("k.weight", typ, true, d, 64)
	add("out.weight", typ, true, d, d)
	add("gate.weight", typ, true, d, hidden)
	add("up.weight", typ, true, d, hidden)
	add("down.weight", typ, true, hidden, d)
	add("norm.weight", gguf.F32, false, d, 1)
	specs[len(specs)-1].Shape = []int{d}
	add("head", rows, false, d, vocab)
	aligned := page(len(file))
	copy(aligned, file)
	store, err := PackStore(dev, "packed", aligned, specs, 2)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })

	// run returns what n columns give, column after column.
	run := func(values []float32, positions, runs []int32) (columns [][]float32) {
		n := len(positions)
		g, w := newGraph(t, b, 400, nil), NewWeights(store)
		g.Uniform()
		x, pos, numbers := g.Input("x", gguf.F32, d, n), g.Input("pos", gguf.I32, n), g.Input("runs", gguf.I32, 2, n)
		norm := w.RMSNorm("norm", d, 1e-6)
		linear := func(name string, k, m int) Linear { return w.Linear(name, k, m, false) }
		heads := Heads(g, 64, norm.Forward(g, x), linear("q", d, d), linear("k", d, 64))
		q, k := g.Cont(g.RoPE(heads[0], pos, 1e4)), g.Cont(g.RoPE(heads[1], pos, 1e4))
		y := g.Add(x, linear("out", d, d).Forward(g, g.Reshape(q, d, n)))
		y = g.Add(y, linear("down", hidden, d).Forward(g, GeGLU(g, linear("gate", d, hidden), linear("up", d, hidden), norm.Forward(g, y))))
		last := norm.Forward(g, y)
		head := w.Get("head", d, vocab)
		logits, stats, some := g.MulMat(head, last), g.Runs(head, last, 30), g.RunProducts(head, last, numbers)
		must(t, w.Err())
		must(t, g.Compile(k, y, logits, stats, some))
		must(t, Set(g, x, values))
		must(t, Set(g, pos, positions))
		must(t, Set(g, numbers, runs))
		compute(t, g)
		columns = make([][]float32, n)
		for _, out := range []Tensor{k, y, logits, some} {
			all := get(t, g, out)
			size := len(all) / n
			for j := range n {
				columns[j] = append(columns[j], all[j*size:][:size]...)
			}
		}
		summary := make([]Run, n*runsOf(head))
		must(t, GetRuns(g, stats, summary))
		for j := range n {
			for _, s := range summary[j*runsOf(head):][:runsOf(head)] {
				columns[j] = append(columns[j], s.Max, float32(s.Argmax), s.SumExp)
			}
		}
		return columns
	}
	values, positions, runs := normal(r, d*most), make([]int32, most), make([]int32, 2*most)
	for i := range positions {
		positions[i], runs[2*i], runs[2*i+1] = int32(r.IntN(500)), int32(r.IntN(2)), int32(r.IntN(2))
	}
	var want [][]float32
	for j := range most {
		want = append(want, run(values[j*d:][:d], positions[j:][:1], runs[2*j:][:2])...)
	}
	for _, n := range []int{2, 3, 4, 6, 8, 11, 16, most} {
		from := most - n
		for j, got := range run(values[from*d:], positions[from:], runs[2*from:]) {
			if !slices.Equal(got, want[from+j]) {
				t.Fatalf("column %d of %d differs from the column alone", j, n)
			}
		}
	}
}
