//go:build cgo

package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStretchAtBlockEdges goes over lines of all widths up to two blocks of 16
// samples and more, results of as many sizes, and windows of up to all samples:
// over one, two and three blocks of 16 lines.
func TestStretchAtBlockEdges(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		r := rand.New(rand.NewPCG(1, 5))
		for n := 1; n <= 35; n++ {
			for _, most := range []int{1, 2, 5, n} {
				testStretch(t, r, level, n, 36-n, 1+r.IntN(35), most)
				testStretch(t, r, level, 1+r.IntN(35), n, 36-n, most)
			}
		}
		testStretch(t, r, level, 200, 100, 14, 70)
		testStretch(t, r, level, 14, 10, 100, 5)
	})
}

// testStretch compares a stretch of random bytes, many of them 0 or 255, and
// parts of it, with the definition.
func testStretch(t *testing.T, r *rand.Rand, level Level, width, height, size, most int) {
	t.Helper()
	pixels := fenced[uint8](t, 3*width*height)
	for i := range pixels {
		pixels[i] = uint8(min(max(r.IntN(766)-255, 0), 255))
	}
	s := &Stretch{Width: width, Size: size, Columns: someWindows(t, r, width, size, most),
		Lines: someWindows(t, r, height, size, most), Level: level}
	want := stretch(s, pixels)
	cut := r.IntN(size)
	for _, lines := range [][2]int{{0, size}, {0, cut}, {cut, size}} {
		first, last := lines[0], lines[1]
		if first == last {
			continue
		}
		const guard = -7
		out := fenced[int32](t, 3*size*last) // as if the result ended there
		for i := range out {
			out[i] = guard
		}
		s.run(out, pixels, fenced[uint8](t, s.scratch()), first, last)
		before, got := out[:3*size*first], out[3*size*first:]
		if slices.ContainsFunc(before, func(v int32) bool { return v != guard }) {
			t.Fatalf("lines before %d were written", first)
		}
		for i, v := range got {
			if w := want[3*size*first+i]; v != w {
				t.Fatalf("%d x %d to %d, windows of %d, lines %d to %d: sample %d is %d, want %d",
					width, height, size, most, first, last, i, v, w)
			}
		}
	}
}

// someWindows makes windows of up to most of in samples. Some have weights that
// add up to anything, others sums as great or small as can be held.
func someWindows(t *testing.T, r *rand.Rand, in, out, most int) Windows {
	const one, limit = 1 << 22, (1<<31 - 1<<21) / 255
	w := Windows{First: fenced[int32](t, out), At: fenced[int32](t, out+1)}
	for i := range w.First {
		w.First[i] = int32(r.IntN(in))
	}
	slices.Sort(w.First)
	var weights []int32
	end := 0
	for i, first := range w.First {
		end = min(max(end, int(first)+1+r.IntN(most)), in)
		n := end - int(first)
		kind := r.IntN(3)
		for range n {
			k := []int{r.IntN(4*one/n) - 2*one/n, limit / n, -limit / n}[kind]
			weights = append(weights, int32(k))
		}
		w.At[i+1] = int32(len(weights))
	}
	w.Weights = fenced[int32](t, len(weights))
	copy(w.Weights, weights)
	return w
}

// TestStretchRoundsHalfUpAndClips has the least and the greatest sums, and sums
// at the edges of rounding.
func TestStretchRoundsHalfUpAndClips(t *testing.T) {
	const one, half = 1 << 22, 1 << 21
	eachLevel(t, func(t *testing.T, level Level) {
		for _, c := range []struct {
			weights [2]int32
			pixels  [2]uint8
			want    int32
		}{
			{[2]int32{one, 0}, [2]uint8{255, 255}, 255},
			{[2]int32{0, one}, [2]uint8{255, 0}, 0},
			{[2]int32{one + half, -half}, [2]uint8{255, 0}, 255},
			{[2]int32{one + half, -half}, [2]uint8{0, 255}, 0},
			{[2]int32{one - 1, 1}, [2]uint8{7, 0}, 7},
			{[2]int32{half, 0}, [2]uint8{7, 0}, 4}, // 3.5
			{[2]int32{half - 1, 0}, [2]uint8{7, 0}, 3},
			{[2]int32{-half, 0}, [2]uint8{1, 0}, 0},
			{[2]int32{one, one - 1<<14}, [2]uint8{255, 255}, 255},
			{[2]int32{-one, -one + 1<<14}, [2]uint8{255, 255}, 0},
		} {
			t.Run(fmt.Sprint(c.weights, c.pixels), func(t *testing.T) {
				all := Windows{First: []int32{0}, At: []int32{0, 2}, Weights: c.weights[:]}
				whole := Windows{First: []int32{0}, At: []int32{0, 1}, Weights: []int32{one}}
				a, b := c.pixels[0], c.pixels[1]
				pixels, out := []uint8{a, a, a, b, b, b}, make([]int32, 3)
				for _, s := range []Stretch{
					{Width: 2, Size: 1, Columns: all, Lines: whole, Level: level},
					{Width: 1, Size: 1, Columns: whole, Lines: all, Level: level},
				} {
					s.Run(out, pixels, 0, 1)
					if want := []int32{c.want, c.want, c.want}; !slices.Equal(out, want) || !slices.Equal(stretch(&s, pixels), want) {
						t.Errorf("width %d: %v, the definition gives %v, want %v", s.Width, out, stretch(&s, pixels), want)
					}
				}
			})
		}
	})
}
