package bindings

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// An array is a tensor for the plain definitions: exact values, and the bytes
// that encode them. ne is in ggml's order, fastest axis first.
type array struct {
	typ gguf.Type
	ne  [4]int
	v   []float64
	raw []byte
}

// at returns an element; an index beyond an axis wraps round, as in ggml's
// repetition of shorter operands.
func (a array) at(i, j, k, l int) float64 {
	return a.v[i%a.ne[0]+a.ne[0]*(j%a.ne[1]+a.ne[1]*(k%a.ne[2]+a.ne[2]*(l%a.ne[3])))]
}

// fill computes the elements of an array of shape ne one by one.
func fill(ne [4]int, f func(i, j, k, l int) float64) []float64 {
	v := make([]float64, 0, ne[0]*ne[1]*ne[2]*ne[3])
	for l := range ne[3] {
		for k := range ne[2] {
			for j := range ne[1] {
				for i := range ne[0] {
					v = append(v, f(i, j, k, l))
				}
			}
		}
	}
	return v
}

// A source makes an operand from random numbers.
type source func(r *rand.Rand) array

// random holds normal numbers, rounded to type t.
func random(t gguf.Type, ne ...int) source {
	return values(t, func(r *rand.Rand) float64 { return r.NormFloat64() }, ne...)
}

// values holds the numbers that next returns, rounded to type t.
func values(t gguf.Type, next func(r *rand.Rand) float64, ne ...int) source {
	return func(r *rand.Rand) array {
		a := array{typ: t, ne: [4]int{1, 1, 1, 1}}
		copy(a.ne[:], ne)
		a.raw = encode(t, fill(a.ne, func(_, _, _, _ int) float64 { return next(r) }))
		a.v = decode(t, a.raw)
		return a
	}
}

// below holds whole numbers from 0 to n-1, for row numbers.
func below(t gguf.Type, n int, ne ...int) source {
	return values(t, func(r *rand.Rand) float64 { return float64(r.IntN(n)) }, ne...)
}

// permutation holds 0 to n-1 in random order.
func permutation(t gguf.Type, n int) source {
	return func(r *rand.Rand) array {
		order := r.Perm(n)
		next := func(*rand.Rand) float64 { x := order[0]; order = order[1:]; return float64(x) }
		return values(t, next, n)(r)
	}
}

// blocks holds random blocks of a K type: random bytes, with the float16
// scales at the given offsets made about 0.01, so that values are about 1.
func blocks(t gguf.Type, scales []int, ne ...int) source {
	return func(r *rand.Rand) array {
		a := array{typ: t, ne: [4]int{1, 1, 1, 1}}
		copy(a.ne[:], ne)
		a.raw = make([]byte, t.RowBytes(ne[0]*ne[1]))
		for i := range a.raw {
			a.raw[i] = byte(r.Uint32())
		}
		for b := 0; b < len(a.raw); b += t.BlockBytes() {
			for _, offset := range scales {
				little.PutUint16(a.raw[b+offset:], toF16(0.005+0.01*r.Float64()))
			}
		}
		a.v = decode(t, a.raw)
		return a
	}
}

// An opCase is one operation on random operands, with its plain definition.
type opCase struct {
	name string // the method of Context, a slash, and the variant
	in   []source
	op   func(c *Context, x []Tensor) Tensor
	want func(x []array) []float64
	out  gguf.Type // of the result; gguf.F32 if zero
	tol  tolerance // from the definition; the zero tolerance is bit for bit
}

// operands makes the case's inputs, the same at each call.
func (c opCase) operands() []array {
	h := fnv.New64a()
	h.Write([]byte(c.name))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	var list []array
	for _, s := range c.in {
		list = append(list, s(r))
	}
	return list
}

// A tolerance is how far numbers may lie apart: relative to each of them, or
// to the root mean square of all, for sums whose terms cancel.
type tolerance struct {
	rel   float64
	ofRMS bool
}

func relative(x float64) tolerance { return tolerance{rel: x} }
func ofRMS(x float64) tolerance    { return tolerance{rel: x, ofRMS: true} }

// compare returns the first value that is too far from want, as an error, and
// the largest distance in the tolerance's measure.
func (t tolerance) compare(got, want []float64) (worst float64, err error) {
	if len(got) != len(want) {
		return 0, fmt.Errorf("%d values, want %d", len(got), len(want))
	}
	var sum float64
	for _, x := range want {
		if !math.IsInf(x, 0) {
			sum += x * x
		}
	}
	for i, x := range want {
		scale := math.Abs(x)
		if t.ofRMS {
			scale = max(scale, math.Sqrt(sum/float64(len(want))))
		}
		off := math.Abs(got[i] - x)
		if got[i] == x {
			off = 0
		} else if scale > 0 {
			off /= scale
		}
		worst = max(worst, off)
		if !(off <= t.rel) && err == nil {
			err = fmt.Errorf("value %d is %v, want %v: %.3g apart, allowed %.3g", i, got[i], x, off, t.rel)
		}
	}
	return worst, err
}

// compute runs one operation on the library's CPU.
func compute(t testing.TB, lib *Lib, threads int, in []array, out gguf.Type, op func(c *Context, x []Tensor) Tensor) []float64 {
	t.Helper()
	dev := cpu(t, lib)
	inputs, err := lib.NewContext(len(in), 0)
	must(t, err)
	defer inputs.Close()
	var x []Tensor
	for _, a := range in {
		x = append(x, inputs.New(a.typ, int64(a.ne[0]), int64(a.ne[1]), int64(a.ne[2]), int64(a.ne[3])))
	}
	buffer, err := inputs.AllocAll(dev.BufferType())
	must(t, err)
	defer buffer.Close()
	for i, a := range in {
		must(t, Set(x[i], 0, a.raw))
	}

	c, err := lib.NewContext(32, 32)
	must(t, err)
	defer c.Close()
	y := op(c, x)
	if !y.Valid() {
		t.Fatal("ggml made no tensor")
	}
	y.MarkOutput()
	g := c.NewGraph(32)
	g.Expand(y)
	alloc := dev.BufferType().NewAllocator()
	defer alloc.Close()
	if !alloc.Alloc(g) {
		t.Fatal("no memory")
	}
	backend, err := dev.NewBackend(threads)
	must(t, err)
	defer backend.Close()
	if s := backend.Compute(g); s != Success {
		t.Fatalf("the computation ended with %v, want %v", s, Success)
	}
	raw := make([]byte, y.Bytes())
	must(t, Get(y, 0, raw))
	return decode(out, raw)
}

// runCases holds each case through each door against its definition, and the
// doors against each other.
func runCases(t *testing.T, cases []opCase) {
	for _, c := range cases {
		in := c.operands()
		want := c.want(in)
		if c.out == gguf.F32 {
			want = round(gguf.F32, want) // the definition's own last rounding
		}
		results := map[Door][]float64{}
		for _, door := range doors {
			t.Run(fmt.Sprintf("%s/%s", c.name, door), func(t *testing.T) {
				got := compute(t, openDoor(t, door), 2, in, c.out, c.op)
				worst, err := c.tol.compare(got, want)
				if err != nil {
					t.Error(err)
				}
				t.Logf("%.2g from the definition", worst)
				results[door] = got
			})
		}
		t.Run(c.name+"/apart", func(t *testing.T) {
			if len(results) < 2 {
				t.Skip("only one door is open")
			}
			apart := c.tol
			if apart.rel > 0 {
				apart.rel = 1e-6
			}
			worst, err := apart.compare(results[SharedLibrary], results[BuiltIn])
			if err != nil {
				t.Error(err)
			}
			t.Logf("%.2g apart", worst)
		})
	}
}

// method is the operation that a case is about.
func (c opCase) method() string { name, _, _ := strings.Cut(c.name, "/"); return name }
