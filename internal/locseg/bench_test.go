package locseg

import (
	"math/rand/v2"
	"testing"
)

// randomDecoder returns a decoder with random weights that keep activations near 1.
func randomDecoder(width int) *Decoder {
	r := rand.New(rand.NewPCG(1, 2))
	values := map[string][]float32{}
	for _, w := range Weights(width) {
		n := 1
		for _, d := range w.Shape {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64()) * 0.05
		}
		values[w.Name] = v
	}
	return NewDecoder(width, func(name string) []float32 { return values[name] })
}

func BenchmarkDecode(b *testing.B) {
	d := randomDecoder(512)
	codes := [Codes]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	for b.Loop() {
		d.Decode(&codes)
	}
}
