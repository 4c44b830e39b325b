//go:build cgo

package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pgcli/paligemma/gguf"
)

// benchColumns are the sequences of a step.
var benchColumns = []int{1, 2, 4, 6, 8, 12, 16}

// inTurns runs each function in turn, and reports the median milliseconds of each
// and, behind them, its limit: reading the bytes once or computing the operations of
// its columns, whichever takes longer.
func inTurns(b *testing.B, limits Limits, bytes, ops float64, peak float64, run func(n int)) {
	times := map[int][]float64{}
	for first := true; b.Loop(); first = false {
		for _, n := range benchColumns {
			start := time.Now()
			run(n)
			if !first {
				times[n] = append(times[n], time.Since(start).Seconds()*1e3)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, n := range benchColumns {
		if len(times[n]) == 0 {
			continue
		}
		slices.Sort(times[n])
		median := times[n][len(times[n])/2]
		b.ReportMetric(median, fmt.Sprintf("ms/%02d", n))
		b.ReportMetric(median/(1e3*max(bytes/limits.Read, ops*float64(n)/peak)), fmt.Sprintf("x-limit/%02d", n))
	}
}

// benchLevels runs f at each level that has products of its own, with a pool of two
// threads and the limits of both.
func benchLevels(b *testing.B, f func(b *testing.B, p *Pool, limits Limits, level Level)) {
	for _, level := range Levels() {
		if !own(level, gguf.F32) {
			continue
		}
		b.Run(level.String(), func(b *testing.B) {
			p, err := NewPool(2)
			if err != nil {
				b.Skip(err)
			}
			defer p.Close()
			limits, err := p.Limits(level)
			if err != nil {
				b.Skip(err)
			}
			f(b, p, limits, level)
		})
	}
}

// BenchmarkColumns times the uniform products of the 18 blocks of Gemma 2B.
func BenchmarkColumns(b *testing.B) {
	benchLevels(b, func(b *testing.B, p *Pool, limits Limits, level Level) {
		for _, typ := range []gguf.Type{gguf.Q4_0, gguf.Q8_0, gguf.Q4_K, gguf.Q5_K, gguf.Q6_K, gguf.F16, gguf.BF16} {
			b.Run(typ.String(), func(b *testing.B) { benchBlocks(b, p, limits, level, typ) })
		}
	})
}

func benchBlocks(b *testing.B, p *Pool, limits Limits, level Level, typ gguf.Type) {
	const d, kv, hidden, blocks, most = 2048, 256, 16384, 18, 16
	r := rand.New(rand.NewPCG(1, 1))
	var memories []Memory
	matrix := func(k, m int) Matrix {
		w := Matrix{Type: typ, K: k, M: m}
		var err error
		if w.Packed, err = Alloc(PackedBytes(typ, k, m)); err != nil {
			b.Fatal(err)
		}
		memories = append(memories, w.Packed)
		rows := randomRows(b, r, typ, k, 32)
		for i := range Panels(m) {
			part := w
			part.M = 32
			part.Packed = w.Packed[i*len(w.Packed)/Panels(m):][:len(w.Packed)/Panels(m)]
			part.Pack(rows, 0, 1)
		}
		return w
	}
	defer func() {
		for _, m := range memories {
			m.Free()
		}
	}()
	x, y, z := fill(r, fenced[float32](b, d*most)), fenced[float32](b, (d+2*kv)*most), fenced[float32](b, d*most)
	norm := &Norm{W: addr(fill(r, fenced[float32](b, d))), Eps: 1e-6}
	type block struct{ qkv, out, mlp func(n int) Op }
	var all []block
	bytes, ops := 0.0, 0.0
	for range blocks {
		q, k, v, o := matrix(d, d), matrix(d, kv), matrix(d, kv), matrix(d, d)
		gate, up, down := matrix(d, hidden), matrix(d, hidden), matrix(hidden, d)
		for _, w := range []Matrix{q, k, v, o, gate, up, down} {
			bytes += float64(len(w.Packed))
			ops += 2 * float64(w.K) * float64(w.M)
		}
		linear := func(n int, out ...Output) Linear {
			return Linear{X: addr(x), N: n, Stride: d, Norm: norm, Out: out, Uniform: true, Threads: p.Threads(), Level: level}
		}
		all = append(all, block{
			func(n int) Op {
				l := linear(n, Output{W: q, Y: addr(y), Stride: d + 2*kv}, Output{W: k, Y: addr(y[d:]), Stride: d + 2*kv}, Output{W: v, Y: addr(y[d+kv:]), Stride: d + 2*kv})
				return &l
			},
			func(n int) Op {
				l := linear(n, Output{W: o, Y: addr(z), Stride: d})
				l.Norm = nil
				return &l
			},
			func(n int) Op {
				m := &MLP{Up: linear(n, Output{W: gate}, Output{W: up}), Down: linear(n, Output{W: down, Y: addr(z), Stride: d})}
				m.Up.Epilogue, m.Down.Norm = GeGLU, nil
				return m
			},
		})
	}
	scratch := fenced[byte](b, 8<<20)
	peak := limits.Int8
	if !typ.Quantized() {
		peak = limits.Float
	}
	inTurns(b, limits, bytes, ops, peak, func(n int) {
		for _, block := range all {
			p.run(block.qkv(n), Memory(scratch))
			p.run(block.out(n), Memory(scratch))
			p.run(block.mlp(n), Memory(scratch))
		}
	})
}

// BenchmarkHeadColumns times the statistics of the output head of Gemma 2B, which
// lies in small pages, as a mapped file does, or in huge ones.
func BenchmarkHeadColumns(b *testing.B) {
	benchLevels(b, func(b *testing.B, p *Pool, limits Limits, level Level) {
		for _, typ := range []gguf.Type{gguf.Q6_K, gguf.Q8_0, gguf.Q4_0, gguf.Q4_K, gguf.F16, gguf.BF16, gguf.F32} {
			for _, pages := range []string{"small", "huge"} {
				b.Run(typ.String()+"/"+pages, func(b *testing.B) { benchHead(b, p, limits, level, typ, pages == "huge") })
			}
		}
	})
}

func benchHead(b *testing.B, p *Pool, limits Limits, level Level, typ gguf.Type, huge bool) {
	const k, m, most = 2048, 257216, 16
	r := rand.New(rand.NewPCG(1, 1))
	var rows Memory
	if huge {
		var err error
		if rows, err = Alloc(typ.RowBytes(k) * m); err != nil {
			b.Skip(err)
		}
		defer rows.Free()
	} else {
		rows = make([]byte, typ.RowBytes(k)*m)
	}
	for some, i := randomRows(b, r, typ, k, 64), 0; i < len(rows); {
		i += copy(rows[i:], some)
	}
	x, out := fill(r, fenced[float32](b, k*most)), fenced[float32](b, most*m/RunRows*RunFloats)
	peak := limits.Int8
	if !typ.Quantized() {
		peak = limits.Float
	}
	scratch := fenced[byte](b, 1<<20)
	inTurns(b, limits, float64(len(rows)), 2*k*m, peak, func(n int) {
		p.run(&Rows{Type: typ, Threads: p.Threads(), K: k, Last: m, Data: rows.address(), RowBytes: typ.RowBytes(k), Level: level, N: n, X: addr(x), XStride: k, Stats: addr(out)}, Memory(scratch))
	})
}
