package convert

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// TestFirstNotFinite puts every 16-bit code at every place of a vector.
func TestFirstNotFinite(t *testing.T) {
	for _, typ := range []gguf.Type{gguf.F16, gguf.BF16} {
		for code := range 1 << 16 {
			values := make([]float32, 1)
			raw := binary.LittleEndian.AppendUint16(nil, uint16(code))
			decode(values, raw, typ)
			want := math.IsNaN(float64(values[0])) || math.IsInf(float64(values[0]), 0)
			at := code % 11
			vector := make([]byte, 22)
			copy(vector[2*at:], raw)
			if got := gguf.FirstNotFinite(vector, typ); want && got != at || !want && got != -1 {
				t.Fatalf("%v %#04x at %d: found at %d", typ, code, at, got)
			}
		}
	}
	for _, v := range []float32{float32(math.Inf(-1)), float32(math.NaN())} {
		raw := make([]byte, 12)
		gguf.EncodeF32(raw, []float32{0, math.MaxFloat32, v})
		if got := gguf.FirstNotFinite(raw, gguf.F32); got != 2 {
			t.Errorf("%v: found at %d, want 2", v, got)
		}
	}
}

// TestLimits encodes the largest value of each type and the next one.
func TestLimits(t *testing.T) {
	for _, typ := range []gguf.Type{gguf.F16, gguf.BF16} {
		limit := limitOf(typ)
		for bits, finite := range map[uint32]bool{limit: true, limit + 1: false} {
			raw := make([]byte, 2)
			encode(raw, []float32{math.Float32frombits(bits)}, typ)
			if got := gguf.FirstNotFinite(raw, typ) < 0; got != finite {
				t.Errorf("%v of %v is finite: %v, want %v", math.Float32frombits(bits), typ, got, finite)
			}
		}
	}
	nan := float32(math.NaN())
	if i := firstBeyond([]float32{0, -1, nan}, limitOf(gguf.F32)); i != 2 {
		t.Errorf("NaN is found at %d, want 2", i)
	}
}

// TestGather compares with copying element by element, around the group size.
func TestGather(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{2, 4} {
		for _, n := range []int{1, 31, 32, 33, 70} {
			const width = 5
			src := make([]byte, n*width*size)
			for i := range src {
				src[i] = byte(rng.Uint32())
			}
			rows, cols := make([]int, n), make([]int, width)
			for i := range rows { // in two heads of 7 and the rest
				rows[i] = (i + 7) % n
			}
			for i := range cols {
				cols[i] = i * n
			}
			want := make([]byte, 0, len(src))
			for _, r := range rows {
				for _, c := range cols {
					want = append(want, src[(r+c)*size:][:size]...)
				}
			}
			got := make([]byte, len(src))
			gather(got, src, rows, cols, size)
			if !bytes.Equal(got, want) {
				t.Errorf("%d rows of %d-byte elements differ", n, size)
			}
		}
	}
}

func BenchmarkGather(b *testing.B) {
	d := Variants()[3].Dims
	place := d.grid("F D", "D F")
	src := make([]byte, 2*d.Width*d.MLP)
	const n = 128
	dst := make([]byte, 2*n*d.Width)
	b.SetBytes(int64(len(dst)))
	for i := 0; b.Loop(); i = (i + n) % d.MLP {
		gather(dst, src, place.rows[i:i+n], place.cols, 2)
	}
}

func BenchmarkFirstNotFinite(b *testing.B) {
	raw := make([]byte, 1<<20)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		gguf.FirstNotFinite(raw, gguf.BF16)
	}
}
