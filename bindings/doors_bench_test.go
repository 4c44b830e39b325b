//go:build cgo && unix

package bindings

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pgcli/paligemma/bindings/internal/cbench"
	"github.com/pgcli/paligemma/gguf"
)

// BenchmarkMulMat computes PaliGemma's products through a door and the same
// calls made from C against the same library, in turn. It reports the medians
// of both and their ratio: above 1, Go is slower.
func BenchmarkMulMat(b *testing.B) {
	shapes := [][3]int{{16384, 2048, 264}, {4304, 1152, 256}, {16384, 2048, 1}} // m, k, n
	for _, door := range benchDoors(b) {
		for _, typ := range []gguf.Type{gguf.F16, gguf.Q8_0, gguf.Q4_0, gguf.Q4_K} {
			for _, s := range shapes {
				if s[1]%typ.BlockSize() != 0 {
					continue // 1152 columns are no whole blocks of 256
				}
				b.Run(fmt.Sprintf("%s/%v/%dx%dx%d", door.name, typ, s[0], s[1], s[2]), func(b *testing.B) {
					benchProduct(b, door, typ, s[0], s[1], s[2])
				})
			}
		}
	}
}

type benchDoor struct {
	name string
	lib  *Lib
}

func benchDoors(b *testing.B) []benchDoor {
	builtin, err := openBuiltIn()
	if err != nil {
		b.Fatal(err)
	}
	doors := []benchDoor{{"builtin", builtin}}
	shared, err := openShared("../.engines/linux-x64")
	if err != nil {
		b.Logf("no shared library (make engines fetches one): %v", err)
		return doors
	}
	return append(doors, benchDoor{"shared", shared})
}

func benchProduct(b *testing.B, door benchDoor, typ gguf.Type, m, k, n int) {
	const threads = 2
	rng := rand.New(rand.NewPCG(1, 2))
	w, x := make([]float32, m*k), make([]float32, k*n)
	for i := range w {
		w[i] = float32(rng.NormFloat64()) * 0.02
	}
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	weights := make([]byte, typ.RowBytes(k)*m)
	if err := door.lib.Quantize(typ, weights, w, k); err != nil {
		b.Fatal(err)
	}
	fromC, err := cbench.New(door.lib.Path(), cbench.Product{
		Type: int32(typ), M: m, K: k, N: n, Weights: weights, Columns: x, Threads: threads})
	if err != nil {
		b.Fatal(err)
	}
	defer fromC.Close()
	fromGo := newGoProduct(b, door.lib, typ, weights, x, m, k, n, threads)

	var goTimes, cTimes []time.Duration
	for b.Loop() {
		start := time.Now()
		if s := fromGo(); s != Success {
			b.Fatal(s)
		}
		goTimes = append(goTimes, time.Since(start))
		t, err := fromC.Run()
		if err != nil {
			b.Fatal(err)
		}
		cTimes = append(cTimes, t)
	}
	goMedian, cMedian := median(goTimes), median(cTimes)
	b.ReportMetric(0, "ns/op") // the pair together says nothing
	b.ReportMetric(goMedian.Seconds()*1e3, "go-ms")
	b.ReportMetric(cMedian.Seconds()*1e3, "c-ms")
	b.ReportMetric(goMedian.Seconds()/cMedian.Seconds(), "go/c")
	b.ReportMetric(2*float64(m)*float64(k)*float64(n)/goMedian.Seconds()/1e9, "GFLOP/s")
}

// newGoProduct prepares the product through a door; each call computes it.
func newGoProduct(b *testing.B, lib *Lib, typ gguf.Type, weights []byte, x []float32, m, k, n, threads int) func() Status {
	cpu, err := lib.CPU()
	if err != nil {
		b.Fatal(err)
	}
	backend, err := cpu.NewBackend(threads)
	if err != nil {
		b.Fatal(err)
	}
	c, err := lib.NewContext(4, 16)
	if err != nil {
		b.Fatal(err)
	}
	wt, xt := c.New(typ, int64(k), int64(m)), c.New(gguf.F32, int64(k), int64(n))
	wt.MarkInput()
	xt.MarkInput()
	g := c.NewGraph(16)
	g.Expand(c.MulMat(wt, xt))
	a := cpu.BufferType().NewAllocator()
	if !a.Alloc(g) {
		b.Fatal("no memory")
	}
	if err := Set(wt, 0, weights); err != nil {
		b.Fatal(err)
	}
	if err := Set(xt, 0, x); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Close(); c.Close(); backend.Close() })
	return func() Status { return backend.Compute(g) }
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
