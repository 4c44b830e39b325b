package synthetic

import (
	"hash/fnv"

	"github.com/pgcli/paligemma/gguf"
)

// step is the increment of SplitMix64, a generator whose n-th number can be
// computed without those before it.
const step = 0x9e3779b97f4a7c15

// A stream is the endless sequence of weights of one tensor.
type stream uint64

func newStream(seed uint64, tensor string) stream {
	h := fnv.New64a()
	h.Write([]byte(tensor))
	return stream(h.Sum64() + seed*step)
}

// Weights returns the first n weights of a tensor, as F32: for other files of
// which a test knows only the names.
func Weights(seed uint64, tensor string, n int) []byte {
	data := make([]byte, 4*n)
	newStream(seed, tensor).fill(data, 0, gguf.F32)
	return data
}

// at returns weight i: the sum of four 16-bit numbers, which is nearly normal,
// centred and scaled to a standard deviation of 0.018. It is exact in float32.
func (s stream) at(i uint64) float32 {
	z := uint64(s) + (i+1)*step
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	sum := z&0xffff + z>>16&0xffff + z>>32&0xffff + z>>48
	return (float32(sum) - 131070) * 0x1p-21
}

// fill writes the weights from number first on to dst, as type t.
func (s stream) fill(dst []byte, first uint64, t gguf.Type) {
	var block [1024]float32
	size := t.BlockBytes()
	for len(dst) > 0 {
		n := min(len(block), len(dst)/size)
		for i := range n {
			block[i] = s.at(first + uint64(i))
		}
		switch t {
		case gguf.F32:
			gguf.EncodeF32(dst, block[:n])
		case gguf.F16:
			gguf.EncodeF16(dst, block[:n])
		case gguf.BF16:
			gguf.EncodeBF16(dst, block[:n])
		}
		dst, first = dst[n*size:], first+uint64(n)
	}
}
