package imageproc

import (
	"fmt"
	"io"
)

// expand decodes run lengths to a byte a pixel, lines from the bottom. Pixels that a delta
// or an early end of a line leaves out have colour 0; as in Pillow, the picture must be
// filled at its end.
func (h *bmpHeader) expand(data []byte) ([]byte, error) {
	var (
		out  = make([]byte, h.width*h.height)
		full = out // what is left to fill
		x    = 0
		rle4 = h.compression == bmpRLE4
	)
	put := func(n int, value func(i int) byte) {
		n = min(n, len(full))
		for i := range n {
			full[i] = value(i)
		}
		full = full[n:]
	}
	nibble := func(b byte, i int) byte { return b >> (4 - 4*(i%2)) & 15 }
	for at := 0; len(full) > 0; {
		if at+2 > len(data) {
			return nil, io.ErrUnexpectedEOF
		}
		n, code := int(data[at]), data[at+1]
		at += 2
		switch {
		case n > 0: // n times one or two colours
			n = max(min(n, h.width-x), 0)
			put(n, func(i int) byte {
				if rle4 {
					return nibble(code, i)
				}
				return code
			})
			x += n
		case code == 0: // end of the line
			full = full[len(full)%h.width:]
			x = 0
		case code == 1: // end of the picture
			return nil, io.ErrUnexpectedEOF
		case code == 2: // to the right and up
			if at+2 > len(data) {
				return nil, io.ErrUnexpectedEOF
			}
			skip := int(data[at]) + int(data[at+1])*h.width
			full = full[min(skip, len(full)):]
			x = (len(out) - len(full)) % h.width
			at += 2
		default: // as many pixels as they are, padded to 16 bits
			n, size := int(code), int(code)
			if rle4 {
				size = (n + 1) / 2
			}
			if at+size > len(data) {
				return nil, io.ErrUnexpectedEOF
			}
			if x+n > h.width {
				return nil, fmt.Errorf("run of %d pixels at pixel %d of a line of %d", n, x, h.width)
			}
			run := data[at:]
			put(n, func(i int) byte {
				if rle4 {
					return nibble(run[i/2], i)
				}
				return run[i]
			})
			x += n
			at += size
			if (h.start+at)%2 != 0 {
				at++
			}
		}
	}
	return out, nil
}
