package gguf

import (
	"encoding/binary"
	"math"
	"testing"
)

func isNaN(f float32) bool { return f != f }

// TestFloat16 compares all codes, and rounding around all ties, with numpy and
// ml_dtypes.
func TestFloat16(t *testing.T) {
	var want map[string]struct {
		Decode, Encode string
		Swept          int
	}
	readJSON(t, "float16.json", &want)
	codes := make([]byte, 2<<16)
	for i := range 1 << 16 {
		binary.LittleEndian.PutUint16(codes[2*i:], uint16(i))
	}
	var sweep []float32
	for high := range uint32(1 << 19) {
		for _, low := range []uint32{0, 1, 0xfff, 0x1000, 0x1001, 0x1fff} {
			if f := math.Float32frombits(high<<13 | low); !isNaN(f) {
				sweep = append(sweep, f)
			}
		}
	}
	for name, c := range map[string]struct {
		decode func([]float32, []byte)
		encode func([]byte, []float32)
	}{"f16": {DecodeF16, EncodeF16}, "bf16": {DecodeBF16, EncodeBF16}} {
		all := make([]float32, 1<<16)
		c.decode(all, codes)
		var numbers []float32
		for _, f := range all {
			if !isNaN(f) {
				numbers = append(numbers, f)
			}
		}
		raw := make([]byte, 4*len(numbers))
		EncodeF32(raw, numbers)
		if hash(raw) != want[name].Decode {
			t.Errorf("%s: decoded codes differ from numpy's", name)
		}
		raw = make([]byte, 2*len(sweep))
		c.encode(raw, sweep)
		if len(sweep) != want[name].Swept || hash(raw) != want[name].Encode {
			t.Errorf("%s: %d rounded values differ from numpy's %d", name, len(sweep), want[name].Swept)
		}
		// Every code survives a round trip; a NaN may turn quiet.
		back := make([]byte, len(codes))
		c.encode(back, all)
		for i, f := range all {
			got := binary.LittleEndian.Uint16(back[2*i:])
			c.decode(all[:1], back[2*i:2*i+2])
			if isNaN(f) != isNaN(all[0]) || !isNaN(f) && got != uint16(i) {
				t.Fatalf("%s: code %#04x became %#04x", name, i, got)
			}
		}
	}
}

// A NaN whose payload has only low bits must not round to infinity, nor carry
// into the sign.
func TestFloat16NaN(t *testing.T) {
	for _, bits := range []uint32{0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7fc00000} {
		src := []float32{math.Float32frombits(bits)}
		var raw [2]byte
		var back [1]float32
		EncodeF16(raw[:], src)
		if DecodeF16(back[:], raw[:]); !isNaN(back[0]) || math.Signbit(float64(back[0])) != (bits>>31 == 1) {
			t.Errorf("f16: %#x became %v", bits, back[0])
		}
		EncodeBF16(raw[:], src)
		if DecodeBF16(back[:], raw[:]); !isNaN(back[0]) || math.Signbit(float64(back[0])) != (bits>>31 == 1) {
			t.Errorf("bf16: %#x became %v", bits, back[0])
		}
	}
}

func TestFloat32(t *testing.T) {
	src := []float32{0, 1.5, float32(math.Inf(-1)), math.SmallestNonzeroFloat32}
	raw := make([]byte, 16)
	EncodeF32(raw, src)
	back := make([]float32, 4)
	DecodeF32(back, raw)
	for i := range src {
		if math.Float32bits(back[i]) != math.Float32bits(src[i]) {
			t.Errorf("%v became %v", src[i], back[i])
		}
	}
}

func BenchmarkFloat16(b *testing.B) {
	src := make([]float32, 1<<16)
	for i := range src {
		src[i] = float32(i-1<<15) * 1e-4
	}
	raw := make([]byte, 2*len(src))
	for name, f := range map[string]func(){
		"EncodeF16": func() { EncodeF16(raw, src) }, "DecodeF16": func() { DecodeF16(src, raw) },
		"EncodeBF16": func() { EncodeBF16(raw, src) }, "DecodeBF16": func() { DecodeBF16(src, raw) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(src)))
			for range b.N {
				f()
			}
		})
	}
}
