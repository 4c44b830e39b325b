//go:build cgo

package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/internal/testrace"
)

// An attentionCase is an Attention on random numbers.
type attentionCase struct {
	n, m, h, hk, e int
	softcap        float32
	half           bool // keys and values are float16
	channels       bool // values are in rows per channel
	masked         bool
	apart          int     // extra elements between rows, and before the first
	size           float32 // of queries; 1 if 0
}

func (c attentionCase) String() string {
	return fmt.Sprintf("n=%d,m=%d,h=%d/%d,e=%d,softcap=%g,half=%t,channels=%t,masked=%t,apart=%d",
		c.n, c.m, c.h, c.hk, c.e, c.softcap, c.half, c.channels, c.masked, c.apart)
}

// check computes the case on each pool and compares with the definition, which
// it computes into want unless an earlier level has.
func (c attentionCase) check(t *testing.T, ps []*Pool, level Level, tol float64, edit func(q, k, v, mask []float32), want *[]float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(c.n), uint64(c.m)))
	qStep, kvStep := c.h*c.e+c.apart, c.hk*c.e+c.apart
	q := fill(r, fenced[float32](t, c.apart+c.n*qStep))[c.apart:]
	k := fill(r, fenced[float32](t, c.apart+c.m*kvStep))[c.apart:]
	vRows, vStep := c.m, kvStep
	if c.channels {
		vRows, vStep = c.hk*c.e, c.m+c.apart
	}
	v := fill(r, fenced[float32](t, c.apart+vRows*vStep))[c.apart:]
	mask := fenced[float32](t, c.n*(c.m+c.apart))
	for i := range mask {
		if r.IntN(3) == 0 {
			mask[i] = float32(math.Inf(-1))
		} else {
			mask[i] = float32(r.NormFloat64())
		}
	}
	for i := range q {
		if c.size != 0 {
			q[i] *= c.size
		}
	}
	if edit != nil {
		edit(q, k, v, mask)
	}
	a := Attention{
		Queries: c.n, Keys: c.m, Heads: c.h, KeyHeads: c.hk, HeadDim: c.e,
		Scale: float32(1 / math.Sqrt(float64(c.e))), Softcap: c.softcap, Half: c.half, Level: level,
		Q: addr(q), QHead: c.e, QToken: qStep, K: addr(k), V: addr(v), KHead: c.e, KToken: kvStep,
		VHead: c.e, VToken: vStep, VChannel: 1, OutToken: c.h*c.e + c.apart,
	}
	if c.channels {
		a.VHead, a.VToken, a.VChannel = c.e*vStep, 1, vStep
	}
	if c.half {
		kh, vh := toHalf(t, k), toHalf(t, v)
		a.K, a.V = addr(kh), addr(vh)
		for i := range k {
			k[i] = fromHalf(kh[i])
		}
		for i := range v {
			v[i] = fromHalf(vh[i])
		}
	}
	var maskAt func(i, j int) float64
	if c.masked {
		a.Mask, a.MaskQuery = addr(mask), c.m+c.apart
		maskAt = func(i, j int) float64 { return float64(mask[i*a.MaskQuery+j]) }
	}
	if *want == nil {
		*want = attend(c.n, c.m, c.h, c.hk, c.e, float64(a.Scale), float64(c.softcap),
			func(i, head, ch int) float64 { return float64(q[i*a.QToken+head*a.QHead+ch]) },
			func(j, head, ch int) float64 { return float64(k[j*a.KToken+head*a.KHead+ch]) },
			func(j, head, ch int) float64 { return float64(v[j*a.VToken+head*a.VHead+ch*a.VChannel]) }, maskAt)
	}
	var one []float32
	for _, p := range ps {
		out := newGuarded(t, c.n, c.h*c.e, a.OutToken, c.apart)
		a.Out, a.Threads = out.addr(), p.Threads()
		scratch := fenced[byte](t, a.Scratch())
		p.run(&a, scratch)
		got := out.read(t)
		if one == nil {
			one = got
			closeTo(t, got, *want, tol)
		}
		same(t, one, got)
	}
}

// checks computes each case on each level.
func checks(t *testing.T, cases []attentionCase, tol float64) {
	wants := make([][]float64, len(cases))
	eachLevel(t, func(t *testing.T, level Level) {
		ps := pools(t)
		for i, c := range cases {
			if testrace.Chosen(i) {
				t.Run(c.String(), func(t *testing.T) { c.check(t, ps, level, tol, nil, &wants[i]) })
			}
		}
	})
}

const attentionTol = 1e-6

// TestAttentionSharesKeysInEveryLayout goes over head dims, ways to share keys,
// and layouts of values.
func TestAttentionSharesKeysInEveryLayout(t *testing.T) {
	var cases []attentionCase
	for _, e := range []int{8, 16, 64, 72, 128, 256} {
		for _, heads := range [][2]int{{1, 1}, {8, 1}, {4, 2}, {3, 3}, {6, 2}} {
			for _, n := range []int{1, 2, 70} {
				m := 1 + (e*7+n*31+heads[0]*13)%300
				for layout := range 4 {
					cases = append(cases, attentionCase{n: n, m: m, h: heads[0], hk: heads[1], e: e, half: layout&1 != 0, channels: layout&2 != 0,
						softcap: float32(e % 3 * 10), masked: m%4 == 0, apart: m % 3})
				}
			}
		}
	}
	if testrace.Slowness > 1 { // it does not see into kernels
		cases = cases[:len(cases)/testrace.Slowness]
	}
	checks(t, cases, attentionTol)
}

// TestAttentionAtTileEdges goes over all numbers of queries and of keys up to
// twice a tile.
func TestAttentionAtTileEdges(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		ps := pools(t)
		run := func(c attentionCase) {
			t.Run(c.String(), func(t *testing.T) { c.check(t, ps, level, attentionTol, nil, new([]float64)) })
		}
		for n := 1; n <= 130; n++ {
			run(attentionCase{n: n, m: 1 + n*37%200, h: 1, hk: 1, e: 8, apart: n % 2})
		}
		for m := 1; m <= 260; m++ {
			run(attentionCase{n: 1 + m%3*16, m: m, h: 2, hk: 1, e: 8, half: m%2 == 0, channels: m%3 == 0, apart: m % 5})
		}
	})
}

// TestAttentionKeepsDigitsOverManyKeys sums over thousands of keys. Random values
// of 1 cancel to 1/60, so the error is more of the result.
func TestAttentionKeepsDigitsOverManyKeys(t *testing.T) {
	checks(t, []attentionCase{
		{n: 1, m: 8192, h: 8, hk: 1, e: 256, half: true},
		{n: 1, m: 4300, h: 8, hk: 4, e: 256, half: true, softcap: 50},
		{n: 3, m: 4112, h: 8, hk: 1, e: 256, half: true},
		{n: 20, m: 4096, h: 2, hk: 2, e: 72},
	}, 3*attentionTol)
}

// TestAttentionExponentialIsExact weighs two keys by 1 and e^-d: their share
// tells the exponential to the last bits.
func TestAttentionExponentialIsExact(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		ps := pools(t)
		for _, n := range []int{1, 64} { // both kernels
			for d := 0.0; d < 87; d += 0.97 {
				q, k, v, out := fenced[float32](t, n*8), fenced[float32](t, 16), fenced[float32](t, 16), fenced[float32](t, n*8)
				for i := range n {
					q[i*8] = float32(d)
				}
				k[8], v[0], v[9] = -1, 1, 1
				a := Attention{Queries: n, Keys: 2, Heads: 1, KeyHeads: 1, HeadDim: 8, Scale: 1, Level: level, Threads: 1,
					Q: addr(q), QToken: 8, K: addr(k), KToken: 8, V: addr(v), VToken: 8, VChannel: 1, Out: addr(out), OutToken: 8}
				scratch := fenced[byte](t, a.Scratch())
				ps[0].run(&a, scratch)
				e := math.Exp(-float64(float32(d)))
				for i := range n {
					if off := math.Abs(float64(out[i*8+1])/(e/(1+e)) - 1); !(off < 5e-7) {
						t.Fatalf("n=%d: weight of e^-%v is %v, want %v: %.2g off", n, d, out[i*8+1], e/(1+e), off)
					}
				}
			}
		}
	})
}

// TestAttentionOfExtremeValues has large scores, masks of all keys, infinities
// and NaN.
func TestAttentionOfExtremeValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name string
		attentionCase
		edit func(q, k, v, mask []float32)
	}{
		{"scores of thousands", attentionCase{size: 1000}, nil},
		{"scores of thousands, capped", attentionCase{size: 1000, softcap: 50}, nil},
		{"tiny scores, capped", attentionCase{size: 1e-6, softcap: 50}, nil},
		{"queries of 0", attentionCase{}, func(q, _, _, _ []float32) { clear(q) }},
		{"all masked", attentionCase{masked: true}, func(_, _, _, mask []float32) { set(mask, -inf) }},
		{"a query's keys masked", attentionCase{masked: true}, func(_, _, _, mask []float32) { set(mask[:300], -inf) }},
		{"first keys masked", attentionCase{masked: true}, func(_, _, _, mask []float32) { set(mask[:150], -inf) }},
		{"infinite query", attentionCase{}, func(q, _, _, _ []float32) { q[3] = inf }},
		{"infinite key", attentionCase{}, func(_, k, _, _ []float32) { k[40*8] = -inf }},
		{"NaN query", attentionCase{}, func(q, _, _, _ []float32) { q[3] = nan }},
		{"NaN key", attentionCase{}, func(_, k, _, _ []float32) { k[40*8] = nan }},
		{"NaN value", attentionCase{}, func(_, _, v, _ []float32) { v[40*8] = nan }},
		{"infinite value", attentionCase{}, func(_, _, v, _ []float32) { v[40*8] = inf }},
	} {
		eachLevel(t, func(t *testing.T, level Level) {
			ps := pools(t)
			for _, n := range []int{1, 3, 64} {
				c.n, c.m, c.h, c.hk, c.e = n, 300, 2, 1, 8
				t.Run(fmt.Sprintf("%s/n=%d", c.name, n), func(t *testing.T) { c.check(t, ps, level, 2e-4, c.edit, new([]float64)) })
			}
		})
	}
}

func set(x []float32, to float32) {
	for i := range x {
		x[i] = to
	}
}
