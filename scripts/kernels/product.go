package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/kernels"
)

// A product is W [k, m] times x [k, n].
type product struct {
	typ     gguf.Type
	m, k, n int
}

// A result has the times and errors of ggml, 0, and of our kernels, 1.
type result struct {
	seconds [2]float64 // median, of one product
	ratio   float64    // median of the rounds' ratios
	err     [2]float64
}

// A side is a graph of several products of one x. Their weights are equal but
// separate, so that no cache holds them.
type side struct {
	store  *nn.Store
	back   *nn.Backend
	graph  *nn.Graph
	x      nn.Tensor
	y      nn.Tensor // of the first product
	copies int
}

func (s product) compare(dev bindings.Device, threads, rounds int, level kernels.Level, size int) (*result, error) {
	r := rand.New(rand.NewPCG(1, uint64(s.typ)))
	w, err := s.weights(dev.Lib(), r)
	if err != nil {
		return nil, err
	}
	copies := 1
	if s.n <= 8 {
		copies = max(1, size/len(w))
	}
	step := (len(w) + 63) / 64 * 64
	file, err := kernels.Alloc(copies * step)
	if err != nil {
		return nil, err
	}
	defer file.Free()
	var specs []nn.Spec
	for i := range copies {
		copy(file[i*step:], w)
		specs = append(specs, nn.Spec{Name: fmt.Sprint(i), Type: s.typ, Shape: []int{s.k, s.m}, Offset: i * step, Product: true})
	}
	x := make([]float32, s.k*s.n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if i%s.k%64 == 5 && i%s.k/64%max(1, s.k/64/8) == 0 { // about 8 channels
			x[i] *= 20
		}
	}
	var sides [2]*side
	for i := range sides {
		if sides[i], err = s.open(dev, threads, level, file, specs, i == 1); err != nil {
			return nil, err
		}
		defer sides[i].close()
		if err := nn.Set(sides[i].graph, sides[i].x, x); err != nil {
			return nil, err
		}
	}
	var res result
	var times [2][]float64
	var ratios []float64
	for range rounds + 1 {
		for i, side := range sides {
			start := time.Now()
			if err := side.graph.Compute(context.Background()); err != nil {
				return nil, err
			}
			times[i] = append(times[i], time.Since(start).Seconds()/float64(copies))
		}
		ratios = append(ratios, times[0][len(times[0])-1]/times[1][len(times[1])-1])
	}
	for i, side := range sides {
		res.seconds[i] = median(times[i][1:]) // the first warms up
		y := make([]float32, s.m*s.n)
		if err := nn.Get(side.graph, side.y, y); err != nil {
			return nil, err
		}
		if res.err[i], err = s.error(dev.Lib(), w, x, y); err != nil {
			return nil, err
		}
	}
	res.ratio = median(ratios[1:])
	return &res, nil
}

// weights returns random rows as ggml rounds them. 256 rows are repeated, because
// quantizing takes longer than multiplying.
func (s product) weights(lib *bindings.Lib, r *rand.Rand) ([]byte, error) {
	const distinct = 256
	rows := min(s.m, distinct)
	values := make([]float32, rows*s.k)
	for i := range values {
		values[i] = float32(r.NormFloat64() * 0.02)
	}
	w := make([]byte, s.typ.RowBytes(s.k)*s.m)
	part := w[:s.typ.RowBytes(s.k)*rows]
	if s.typ == gguf.F32 {
		for i, v := range values {
			b := math.Float32bits(v)
			copy(part[4*i:], []byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
		}
	} else if err := lib.Quantize(s.typ, part, values, s.k); err != nil {
		return nil, err
	}
	for at := len(part); at < len(w); {
		at += copy(w[at:], part)
	}
	return w, nil
}

// open builds the products for ggml or for our kernels.
func (s product) open(dev bindings.Device, threads int, level kernels.Level, file []byte, specs []nn.Spec, ours bool) (*side, error) {
	o := &side{copies: len(specs)}
	var err error
	if ours {
		o.store, err = nn.PackStore(dev, "ours", file, specs, threads)
	} else {
		o.store, err = nn.MapStore(dev, "ggml", file, specs, true)
	}
	if err != nil {
		return nil, err
	}
	if ours {
		o.back, err = nn.NewKernelBackend(dev, threads, level)
	} else {
		o.back, err = nn.NewBackend(dev, threads)
	}
	if err == nil {
		o.graph, err = nn.NewGraph(o.back, 2*len(specs)+8, nil)
	}
	if err != nil {
		o.close()
		return nil, err
	}
	g, w := o.graph, nn.NewWeights(o.store)
	o.x = g.Input("x", gguf.F32, s.k, s.n)
	var ys []nn.Tensor
	for _, spec := range specs {
		ys = append(ys, nn.Linear{W: w.Get(spec.Name, s.k, s.m)}.Forward(g, o.x))
	}
	o.y = ys[0]
	if err := g.Compile(ys...); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *side) close() {
	if o.graph != nil {
		o.graph.Close()
	}
	o.back.Close()
	o.store.Close()
}

// error returns the root mean square of y's error, relative to the root mean square
// of the product in float64, over some rows of all columns.
func (s product) error(lib *bindings.Lib, w []byte, x, y []float32) (float64, error) {
	rowBytes, rows := s.typ.RowBytes(s.k), min(s.m, 64)
	values, err := s.read(lib, w[:rows*rowBytes], rows)
	if err != nil {
		return 0, err
	}
	var off, all float64
	for j := range s.n {
		for i := range rows {
			var want float64
			for l, v := range x[j*s.k:][:s.k] {
				want += float64(values[i*s.k+l]) * float64(v)
			}
			d := float64(y[j*s.m+i]) - want
			off, all = off+d*d, all+want*want
		}
	}
	return math.Sqrt(off / all), nil
}

// read returns the values of the first rows, as ggml reads them.
func (s product) read(lib *bindings.Lib, w []byte, rows int) ([]float32, error) {
	dev, err := lib.CPU()
	if err != nil {
		return nil, err
	}
	store, err := nn.MapStore(dev, "read", w, []nn.Spec{{Name: "w", Type: s.typ, Shape: []int{s.k, rows}}}, false)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	back, err := nn.NewBackend(dev, 1)
	if err != nil {
		return nil, err
	}
	defer back.Close()
	g, err := nn.NewGraph(back, 4, nil)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	all := g.Input("rows", gguf.I32, rows)
	out := g.GetRows(nn.NewWeights(store).Get("w", s.k, rows), all)
	if err := g.Compile(out); err != nil {
		return nil, err
	}
	numbers := make([]int32, rows)
	for i := range numbers {
		numbers[i] = int32(i)
	}
	if err := nn.Set(g, all, numbers); err != nil {
		return nil, err
	}
	if err := g.Compute(context.Background()); err != nil {
		return nil, err
	}
	values := make([]float32, s.k*rows)
	return values, nn.Get(g, out, values)
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// print writes a row of the table. Products of few columns are limited by reading
// weights, others by multiplying.
func (r *result) print(w io.Writer, s product, limits kernels.Limits) {
	work, limit, unit := 2*float64(s.m)*float64(s.k)*float64(s.n), limits.Int8, "Gop/s"
	switch {
	case s.n <= 8:
		work, limit, unit = float64(s.typ.RowBytes(s.k)*s.m), limits.Read, "GB/s"
	case !s.typ.Quantized():
		limit = limits.Float
	}
	fmt.Fprintf(w, "%v\t%dx%dx%d\t%.1f\t%.1f\t%s\t%.2f\t%.0f %%\t%.1e\t%.1e\n", s.typ, s.m, s.k, s.n,
		work/r.seconds[0]/1e9, work/r.seconds[1]/1e9, unit, r.ratio, 100*work/r.seconds[1]/limit, r.err[0], r.err[1])
}
