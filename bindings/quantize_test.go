package bindings

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// quantizable lists the types that Quantize writes.
var quantizable = []gguf.Type{gguf.F16, gguf.BF16, gguf.Q4_0, gguf.Q5_0, gguf.Q8_0, gguf.Q2_K, gguf.Q3_K, gguf.Q4_K, gguf.Q5_K, gguf.Q6_K, gguf.IQ4_NL, gguf.IQ4_XS}

// rowsOf makes rows of float32 with the spread of a trained matrix: mostly
// small, some large, one row of zeros and one of a single value.
func rowsOf(rows, n int) []float32 {
	r := rand.New(rand.NewPCG(7, 1))
	v := make([]float32, rows*n)
	for i := range v {
		v[i] = float32(0.02 * r.NormFloat64() * math.Exp(r.NormFloat64()))
	}
	clear(v[:n])
	for i := range n {
		v[n+i] = -0.25
	}
	return v
}

func wider(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

// TestQuantizeDefinition holds ggml's bytes against our own definitions.
func TestQuantizeDefinition(t *testing.T) {
	src := rowsOf(12, 256)
	eachDoor(t, func(t *testing.T, lib *Lib) {
		for _, typ := range []gguf.Type{gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q4_0} {
			got := make([]byte, typ.RowBytes(len(src)))
			must(t, lib.Quantize(typ, got, src, 256))
			want := encode(typ, wider(src))
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%v: byte %d is %#x, want %#x", typ, i, got[i], want[i])
					break
				}
			}
		}
	})
}

// fused reports whether the built-in ggml was compiled for a processor with
// fused multiply-add and without -ffp-contract=off. Its searches for the best
// scale then round differently from a portable build, and where two scales are
// about as good may take the other one.
func fused() bool {
	flags := os.Getenv("CGO_CFLAGS")
	return strings.Contains(flags, "-m") && !strings.Contains(flags, "-ffp-contract=off")
}

// TestQuantizeDoors compares the bytes of both doors for every type: a file
// should not depend on which ggml converted it. It does for some types when
// the built-in one is fused; those must still be as good.
func TestQuantizeDoors(t *testing.T) {
	libs := []*Lib{openDoor(t, BuiltIn), openDoor(t, SharedLibrary)}
	searched := []gguf.Type{gguf.Q2_K, gguf.Q4_K, gguf.Q5_K, gguf.IQ4_NL, gguf.IQ4_XS, gguf.Q3_K, gguf.Q6_K}
	src := rowsOf(12, 512)
	for _, typ := range quantizable {
		var out [2][]byte
		for i, lib := range libs {
			out[i] = make([]byte, typ.RowBytes(len(src)))
			must(t, lib.Quantize(typ, out[i], src, 512))
			if !lib.ValidateRows(typ, out[i]) {
				t.Errorf("%v: %s refuses its own rows", typ, lib.Door())
			}
		}
		if bytes.Equal(out[0], out[1]) {
			continue
		}
		if !fused() || !slices.Contains(searched, typ) {
			t.Errorf("%v: the doors write different bytes", typ)
			continue
		}
		one, other := loss(t, libs[0], typ, out[0], src), loss(t, libs[0], typ, out[1], src)
		t.Logf("%v: the doors write different bytes, with errors %.5g and %.5g", typ, one, other)
		if math.Abs(one-other) > 0.02*other {
			t.Errorf("%v: errors %.5g and %.5g", typ, one, other)
		}
	}
}

// loss returns the error of quantized rows of 512, as ggml reads them: root
// mean square, relative to the values'.
func loss(t *testing.T, lib *Lib, typ gguf.Type, raw []byte, src []float32) float64 {
	t.Helper()
	rows := []array{{typ: typ, ne: [4]int{512, len(src) / 512, 1, 1}, raw: raw}, {typ: gguf.I32, ne: [4]int{1, 1, 1, 1}}}
	rows[1].ne[0] = rows[0].ne[1]
	rows[1].raw = encode(gguf.I32, fill(rows[1].ne, func(i, _, _, _ int) float64 { return float64(i) }))
	back := compute(t, lib, 1, rows, gguf.F32, pair((*Context).GetRows))
	var off, all float64
	for i, x := range wider(src) {
		off += (back[i] - x) * (back[i] - x)
		all += x * x
	}
	return math.Sqrt(off / all)
}

// TestQuantizeError bounds the error of a trip through each type, as ggml reads
// its own bytes back. A type whose bits were mixed up would lose far more.
func TestQuantizeError(t *testing.T) {
	limit := map[gguf.Type]float64{ // root mean square, relative
		gguf.F16: 3e-4, gguf.BF16: 2e-3, gguf.Q8_0: 0.01, gguf.Q6_K: 0.03, gguf.Q5_0: 0.07, gguf.Q5_K: 0.04, gguf.Q4_0: 0.13, gguf.Q4_K: 0.08,
		gguf.IQ4_NL: 0.11, gguf.IQ4_XS: 0.11, gguf.Q3_K: 0.16, gguf.Q2_K: 0.3,
	}
	src := rowsOf(12, 512)
	eachDoor(t, func(t *testing.T, lib *Lib) {
		for _, typ := range quantizable {
			raw := make([]byte, typ.RowBytes(len(src)))
			must(t, lib.Quantize(typ, raw, src, 512))
			if e := loss(t, lib, typ, raw, src); e > limit[typ] || e < limit[typ]/10 {
				t.Errorf("%v: error %.3g, want up to %.3g and not under a tenth of it", typ, e, limit[typ])
			}
		}
	})
}

func TestQuantizeRefuses(t *testing.T) {
	lib := anyDoor(t)
	good := make([]float32, 512)
	with := func(i int, x float64) []float32 {
		v := slices.Clone(good)
		v[i] = float32(x)
		return v
	}
	for _, c := range []struct {
		name   string
		t      gguf.Type
		dst    int
		src    []float32
		rowLen int
		want   string
	}{
		{"unknown type", gguf.Type(99), 512, good, 256, "type(99)"},
		{"removed type", gguf.Type(4), 512, good, 256, "type(4)"},
		{"negative type", gguf.Type(math.MaxUint32), 512, good, 256, "type(4294967295)"},
		{"type of no rows", gguf.I32, 2048, good, 256, "i32"},
		{"row length 0", gguf.Q8_0, 0, good, 0, "rows of 0"},
		{"negative row length", gguf.Q8_0, 0, good, -256, "rows of -256"},
		{"part of a block", gguf.Q4_K, 288, good, 128, "multiple of 256"},
		{"part of a row", gguf.Q8_0, 544, good[:300], 256, "whole rows"},
		{"short destination", gguf.Q8_0, 543, good, 256, "543 bytes given, want 544"},
		{"long destination", gguf.Q8_0, 545, good, 256, "545 bytes given, want 544"},
		{"no destination", gguf.Q8_0, 0, good, 256, "0 bytes given"},
		{"not a number", gguf.Q4_K, 288, with(300, math.NaN()), 256, "value 300 is NaN"},
		{"infinity", gguf.Q6_K, 420, with(511, math.Inf(-1)), 256, "value 511 is -Inf"},
	} {
		dst := make([]byte, c.dst)
		err := lib.Quantize(c.t, dst, c.src, c.rowLen)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
		if slices.ContainsFunc(dst, func(b byte) bool { return b != 0 }) {
			t.Errorf("%s: the destination was written", c.name)
		}
	}
	must(t, lib.Quantize(gguf.Q8_0, nil, nil, 256)) // no rows at all
}

func TestValidateRowsRefuses(t *testing.T) {
	lib := anyDoor(t)
	rows := make([]byte, gguf.Q8_0.RowBytes(64))
	if !lib.ValidateRows(gguf.Q8_0, rows) || !lib.ValidateRows(gguf.Q8_0, nil) {
		t.Error("rows of zeros, or none, are refused")
	}
	if lib.ValidateRows(gguf.Q8_0, rows[:67]) {
		t.Error("part of a block is accepted")
	}
	if lib.ValidateRows(gguf.Type(99), rows) {
		t.Error("an unknown type is accepted")
	}
	little.PutUint16(rows, 0x7c00)
	if lib.ValidateRows(gguf.Q8_0, rows) {
		t.Error("an infinite scale is accepted")
	}
}

// TestQuantizeInParallel splits rows over goroutines, as the converter does.
func TestQuantizeInParallel(t *testing.T) {
	lib := anyDoor(t)
	const rows, n = 64, 512
	src := rowsOf(rows, n)
	for _, typ := range []gguf.Type{gguf.Q4_K, gguf.Q6_K, gguf.IQ4_XS} {
		size := typ.RowBytes(n)
		want, got := make([]byte, rows*size), make([]byte, rows*size)
		must(t, lib.Quantize(typ, want, src, n))
		done := make(chan error)
		for i := range rows {
			go func() { done <- lib.Quantize(typ, got[i*size:(i+1)*size], src[i*n:(i+1)*n], n) }()
		}
		for range rows {
			must(t, <-done)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%v: rows quantized one by one differ", typ)
		}
	}
}
