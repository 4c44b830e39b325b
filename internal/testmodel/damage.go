package testmodel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// Damage changes bytes of a file without knowing its format: bits, numbers, cuts,
// splices. Most changes are in its first head bytes. It says what it did.
func Damage(r *rand.Rand, file []byte, head int) ([]byte, string) {
	file = bytes.Clone(file)
	if len(file) < 16 {
		return file, "nothing"
	}
	place := func() int {
		if n := min(head, len(file)); n > 0 && r.IntN(4) > 0 {
			return r.IntN(n)
		}
		return r.IntN(len(file))
	}
	at := place()
	switch r.IntN(7) {
	case 0:
		return file[:at], fmt.Sprintf("cut at %d of %d", at, len(file))
	case 1:
		n := min(1+r.IntN(64), len(file)-at)
		return append(file[:at:at], file[at+n:]...), fmt.Sprintf("%d bytes less at %d", n, at)
	case 2:
		from, n := r.IntN(len(file)), 1+r.IntN(4096)
		n = min(n, len(file)-from, len(file)-at)
		copy(file[at:], bytes.Clone(file[from:from+n]))
		return file, fmt.Sprintf("%d bytes of %d over %d", n, from, at)
	case 3:
		from := r.IntN(len(file))
		n := min(1+r.IntN(256), len(file)-from)
		return bytes.Join([][]byte{file[:at], file[from : from+n], file[at:]}, nil), fmt.Sprintf("%d bytes of %d put in at %d", n, from, at)
	case 4:
		number := [][]byte{{0, 0, 0, 0}, {255, 255, 255, 255}, {0, 0, 0, 128}, {255, 255, 255, 127}, {0, 0, 0, 0, 1}, {0, 0, 1, 0}}[r.IntN(6)]
		copy(file[at:], number)
		return file, fmt.Sprintf("%v at %d", number, at)
	}
	n := 1 + r.IntN(8)
	for range n {
		file[place()] ^= 1 << r.IntN(8)
	}
	return file, fmt.Sprintf("%d bits", n)
}
