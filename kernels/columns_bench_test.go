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

// inTurns runs each number of columns in turn, and reports the median milliseconds of
// each and which share of the limit it reaches in percent. The limit is a number of
// seconds.
func inTurns(b *testing.B, columns []int, limit func(n int) float64, run func(n int)) {
	times := map[int][]float64{}
	for first := true; b.Loop(); first = false {
		for _, n := range columns {
			start := time.Now()
			run(n)
			if !first {
				times[n] = append(times[n], time.Since(start).Seconds()*1e3)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, n := range columns {
		if len(times[n]) == 0 {
			continue
		}
		slices.Sort(times[n])
		median := times[n][len(times[n])/2]
		b.ReportMetric(median, fmt.Sprintf("ms/%02d", n))
		b.ReportMetric(100*1e3*limit(n)/median, fmt.Sprintf("%%-limit/%02d", n))
	}
}

// weightsLimit returns the limit of products: reading the bytes of the weights once, or
// computing operations for each column, whichever takes longer.
func weightsLimit(limits Limits, typ gguf.Type, bytes, ops float64) func(n int) float64 {
	peak := limits.Int8
	if !typ.Quantized() {
		peak = limits.Float
	}
	return func(n int) float64 { return max(bytes/limits.Read, ops*float64(n)/peak) }
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
	inTurns(b, benchColumns, weightsLimit(limits, typ, bytes, ops), func(n int) {
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
	scratch := fenced[byte](b, 1<<20)
	inTurns(b, benchColumns, weightsLimit(limits, typ, float64(len(rows)), 2*k*m), func(n int) {
		p.run(&Rows{Type: typ, Threads: p.Threads(), K: k, Last: m, Data: rows.address(), RowBytes: typ.RowBytes(k), Level: level, N: n, X: addr(x), XStride: k, Stats: addr(out)}, Memory(scratch))
	})
}

// BenchmarkSteps times the attention of a step in the 18 blocks of Gemma 2B, over
// caches of their own in float16, as a sequence has.
func BenchmarkSteps(b *testing.B) {
	benchLevels(b, func(b *testing.B, p *Pool, limits Limits, level Level) {
		for _, keys := range []int{300, 1000} {
			b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) { benchSteps(b, p, limits, level, keys) })
		}
	})
}

func benchSteps(b *testing.B, p *Pool, limits Limits, level Level, keys int) {
	const heads, e, blocks, most, half = 8, 256, 18, 16, 2
	size := half * e * keys // bytes of the keys of a sequence
	caches, err := Alloc(most * blocks * 2 * size)
	if err != nil {
		b.Skip(err)
	}
	defer caches.Free()
	for i := range caches { // float16 of 1 to 2, and of -1 to -2
		caches[i] = byte(i*7) | byte(i&1)*0x3c
	}
	r := rand.New(rand.NewPCG(1, 1))
	q, kv, out := fill(r, fenced[float32](b, most*heads*e)), fill(r, fenced[float32](b, most*e)), fenced[float32](b, most*heads*e)
	addresses, places := fenced[int64](b, blocks*most), fenced[Place](b, most)
	for i := range addresses {
		addresses[i] = int64(caches.address()) + int64(i*2*size)
	}
	for i := range places {
		places[i] = Place{At: int32(keys - 1), Shared: int32(keys), From: int32(keys), To: int32(keys)}
	}
	scratch := fenced[byte](b, 8<<20)
	limit := func(n int) float64 {
		products := float64(n) * blocks * heads * e * float64(keys) * 2 // of queries and keys, and of weights and values
		return max(float64(n*blocks*2*size)/limits.Read, 2*products/limits.Float)
	}
	inTurns(b, []int{1, 4, 8, 16}, limit, func(n int) {
		for block := range blocks {
			p.run(&Steps{N: n, Heads: heads, KeyHeads: 1, HeadDim: e, Scale: 1. / 16,
				Q: addr(q), QHead: e, QToken: heads * e, K: addr(kv), KHead: e, KToken: e, V: addr(kv), VHead: e, VToken: e,
				Caches: addr(addresses[block*most:]), Places: addr(places), Tokens: keys, Values: size, Half: true,
				Out: addr(out), OutToken: heads * e, Level: level, Threads: p.Threads()}, Memory(scratch))
		}
	})
}
